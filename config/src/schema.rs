//! The language, described: for editors, and for the operator's reference.

use serde_json::{Value, json};

use crate::clients::RawLimits;
use crate::cluster::balance::{Choice, Sticky};
use crate::cluster::health::{Check, Request};
use crate::cluster::tls::ClusterTls;
use crate::cluster::trouble::{Breaking, Ejecting, Loading, Retrying};
use crate::dns::Resolving;
use crate::listener::RawSocket;
use crate::listener::forwarding::Says;
use crate::listener::{RawCertificate, RawClients, RawTls};
use crate::written::{FieldDoc, Section, Written, inline};
use crate::{answers, raw, route};

/// The JSON Schema. Draft 7, which editors know best; nothing is shared between
/// its parts, so that they show what belongs to a field beside that field.
pub(crate) fn schema() -> Value {
    let mut schema = raw::File::schema();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        schema.insert("title".to_owned(), json!("Edgeloom configuration"));
    }
    schema
}

/// Every section and field, as Markdown.
pub(crate) fn reference() -> String {
    [
        section::<raw::File>("The file"),
        section::<raw::Listener>("`listeners[]`"),
        section::<Says>("`listeners[].forwarding`"),
        section::<RawTls>("`listeners[].tls`"),
        section::<RawCertificate>("`listeners[].tls.certificates[]`"),
        section::<RawClients>("`listeners[].tls.clients`"),
        section::<RawSocket>("`listeners[].socket`"),
        section::<raw::Admin>("`admin`"),
        section::<RawLimits>("`limits`"),
        section::<raw::Geo>("`geo`"),
        section::<answers::Own>("`answers`"),
        section::<answers::Errors>("`answers.errors`"),
        section::<answers::OwnPage>("`answers.errors.of.<status>`"),
        section::<raw::Module>("`modules.<name>`"),
        section::<raw::Filter>("`filters.<name>`"),
        section::<raw::Warm>("`filters.<name>.instances`"),
        section::<Resolving>("`dns`"),
        section::<raw::Cluster>("`clusters.<name>`"),
        section::<raw::Endpoint>("`clusters.<name>.endpoints[]`"),
        section::<ClusterTls>("`clusters.<name>.tls`"),
        section::<Choice>("`clusters.<name>.balance`"),
        section::<Sticky>("`clusters.<name>.balance.sticky`"),
        section::<Check>("`clusters.<name>.health`"),
        section::<Request>("`clusters.<name>.health.http`"),
        section::<Ejecting>("`clusters.<name>.eject`"),
        section::<Retrying>("`clusters.<name>.retries`"),
        section::<Loading>("`clusters.<name>.limits`"),
        section::<Breaking>("`clusters.<name>.breaker`"),
        section::<raw::Times>("`clusters.<name>.timeouts`"),
        section::<raw::Route>("`routes[]`"),
        section::<route::answer::Own>("`routes[].answer`"),
        section::<route::compress::Own>("`routes[].compress`"),
        section::<raw::Link>("`routes[].filters[]`"),
        section::<raw::Upgrades>("`routes[].upgrades`"),
        section::<route::mirror::Mirroring>("`routes[].mirror`"),
        section::<raw::When>("`when`"),
    ]
    .join("\n")
}

fn section<S: Section>(title: &str) -> String {
    let fields: String = S::fields().iter().map(field).collect();
    format!("### {title}\n\n{}\n\n{fields}", S::DOC.trim_ascii())
}

fn field(field: &FieldDoc) -> String {
    let default = match &field.default {
        None => "Required.".to_owned(),
        Some(Value::Null) => "Optional.".to_owned(),
        Some(value) => format!("Default: `{}`.", inline(value)),
    };
    // A sentence for each line, so that what changes between versions is easily seen.
    let sentences = field.doc.replace(". ", ".\n  ");
    format!("- **`{}`** — {}. {default}\n  {}\n", field.name, field.what, sentences)
}
