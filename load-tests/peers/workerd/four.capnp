# workerd with the four-part job, in JavaScript. The database is part of the configuration, as a module.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "north", external = (address = "@NORTH@", http = ())),
    (name = "south", external = (address = "@SOUTH@", http = ())),
  ],
  sockets = [(name = "edge", address = "@LISTEN@", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "job.js", esModule = embed "job.js"),
    (name = "places.js", esModule = embed "places.js"),
    (name = "places.mmdb", data = embed "places.mmdb"),
  ],
  bindings = [
    (name = "north", service = "north"),
    (name = "south", service = "south"),
  ],
  compatibilityDate = "2026-11-01",
);
