use edgeloom_testbed::{Edge, Origin, Request};

#[test]
fn the_most_specific_route_wins() {
    let origins: Vec<_> = ["a", "b", "c"].into_iter().map(Origin::echo).collect();
    let edge = Edge::start(&format!(
        "
        clusters:
          a: {{ endpoints: ['{}'] }}
          b: {{ endpoints: ['{}'] }}
          c: {{ endpoints: ['{}'] }}
        routes:
          - {{ name: any, to: a }}
          - {{ name: shop, when: {{ host: '*.shop.example' }}, to: b }}
          - {{ name: cart, when: {{ host: '*.shop.example', path: /cart/* }}, to: c }}
          - {{ name: beta, when: {{ headers: {{ x-beta: '1' }}, method: POST }}, to: c }}
        ",
        origins[0].address(),
        origins[1].address(),
        origins[2].address()
    ));
    for (request, origin, route) in [
        (Request::get("/1").host("other.example"), "a", "any"),
        (Request::get("/2").host("WWW.shop.example:8080"), "b", "shop"),
        (Request::get("/3").host("shop.example"), "a", "any"),
        (Request::get("/cart/4").host("www.shop.example"), "c", "cart"),
        (Request::post("/5", "").host("other.example").header("x-beta", "1"), "c", "beta"),
        (Request::get("/6").host("other.example").header("x-beta", "1"), "a", "any"),
    ] {
        let asked = edge.request(request).echo();
        assert_eq!(asked.origin.as_deref(), Some(origin), "{}", asked.path);
        let line = super::line_about(&edge, &asked.path);
        assert_eq!((&line["route"], &line["cluster"]), (&route.into(), &origin.into()));
    }
}

#[test]
fn what_no_route_wants_is_not_found_and_logged() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: shop, when: {{ path: /shop/* }}, to: origin }}]
        ",
        origin.address()
    ));
    let response = edge.get("/elsewhere?a=b");
    assert_eq!((response.status(), response.first_line()), (404, "There is nothing here."));
    let line = super::line_about(&edge, "/elsewhere?a=b");
    assert_eq!(
        (&line["status"], &line["route"], &line["failure"]),
        (&404.into(), &().into(), &"no route".into())
    );
    assert_eq!(super::metric(&edge, "edgeloom_exchanges_total{route=\"\",status=\"4xx\"}"), 1);
    assert_eq!(edge.get("/shop/").text(), "hello");
}
