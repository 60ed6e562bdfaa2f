# workerd, proxying and nothing else.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "south", external = (address = "@SOUTH@", http = ())),
  ],
  sockets = [(name = "edge", address = "@LISTEN@", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  modules = [(name = "bare.js", esModule = embed "bare.js")],
  bindings = [(name = "south", service = "south")],
  compatibilityDate = "2026-11-01",
);
