use edgeloom_testbed::geo;
use tempfile::TempDir;

use super::*;

/// A machine on which every program is there, though none can be run.
struct Machine {
    folder: TempDir,
    programs: Programs,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let file = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        file("debian/usr/sbin/nginx");
        file("debian/usr/sbin/haproxy");
        file("debian/usr/lib/nginx/modules/ngx_http_lua_module.so");
        file("debian/usr/share/lua/5.1/resty/core.lua");
        let programs = Programs {
            pingora: Some(file("edgeloom-peer-pingora")),
            pingora_stock: Some(file("edgeloom-peer-pingora-stock")),
            envoy: Some(file("envoy")),
            envoy_filters: Some(file("envoy.wasm")),
            debian: root.join("debian"),
            workerd: Some(file("workerd")),
            derived: root.join("derived"),
        };
        geo::write(geo::Layout::Flat, &root.join("flat.mmdb")).unwrap();
        Self { folder, programs }
    }

    /// What a peer would be started with.
    fn command(&self, peer: Peer, job: Job, workers: usize) -> Result<(Command, TempDir)> {
        let database = self.folder.path().join("flat.mmdb");
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let [north, south, listen] = [1, 2, 3].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let ground = Ground { folder: folder.path(), north, south, database: &database, workers, core: None };
        let start = Start { job, ground: &ground, programs: &self.programs, listen };
        let command = peer.command(&start)?;
        Ok((command, folder))
    }
}

#[test]
fn every_configuration_is_filled_in() {
    let machine = Machine::new();
    for peer in Peer::ALL {
        for job in peer.jobs() {
            let (command, folder) = machine.command(peer, *job, 1).unwrap();
            let mut told: String = command.get_args().map(|word| word.to_string_lossy() + " ").collect();
            for file in std::fs::read_dir(folder.path()).unwrap() {
                told += &std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
            }
            let about = format!("{} {}:\n{told}", peer.name(), job.name());
            assert!(told.contains("127.0.0.1:3") || told.contains("port_value: 3"), "{about}");
            assert!(told.contains("127.0.0.1:2") || told.contains("port_value: 2"), "{about}");
            let north = told.contains("127.0.0.1:1 ")
                || told.contains("127.0.0.1:1;")
                || told.contains("127.0.0.1:1\n")
                || told.contains("127.0.0.1:1\"")
                || told.contains("port_value: 1 ");
            let routes = peer == Peer::Pingora || peer.does(*job).any(|part| part == Part::Route);
            assert_eq!(north, routes, "{about}");
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_named_with_its_remedy() {
    let mut machine = Machine::new();
    machine.programs = Programs { debian: machine.folder.path().join("nowhere"), ..Programs::default() };
    for (peer, option) in [
        (Peer::Pingora, "`--pingora-stock` is not given: `cargo xtask bench` provides it"),
        (Peer::Envoy, "`--envoy` is not given: `cargo xtask bench` provides it"),
        (Peer::Workerd, "`--workerd` is not given: `cargo xtask bench` provides it"),
    ] {
        assert_eq!(machine.command(peer, Job::Bare, 1).unwrap_err().to_string(), option);
    }
    let error = machine.programs.debians("usr/sbin/no-such-proxy", "proxy").unwrap_err().to_string();
    assert!(error.starts_with("Debian's proxy is neither in ") && error.ends_with("provides it"), "{error}");
    machine.programs.envoy = Some(machine.folder.path().join("gone"));
    let error = machine.command(Peer::Envoy, Job::Bare, 1).unwrap_err().to_string();
    assert!(error.starts_with("there is no ") && error.contains("(`--envoy`)"), "{error}");
}

#[test]
fn workers_are_processes_or_threads_where_there_can_be_more_than_one() {
    let machine = Machine::new();
    let (_, folder) = machine.command(Peer::Nginx, Job::Bare, 2).unwrap();
    let configuration = std::fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
    assert!(configuration.contains("worker_processes 2;"), "{configuration}");
    assert!(configuration.contains(" reuseport;"), "{configuration}");
    let error = machine.command(Peer::Workerd, Job::Bare, 2).unwrap_err();
    assert_eq!(error.to_string(), "workerd serves on one thread, not on 2");
}

#[test]
fn a_command_is_the_same_on_one_core() {
    let mut command = Command::new("proxy");
    command.args(["--listen", "a"]).env("LD_LIBRARY_PATH", "lib");
    let pinned = pinned(command, Some(1));
    assert_eq!(pinned.get_program(), "taskset");
    let words: Vec<_> = pinned.get_args().collect();
    assert_eq!(words, ["--cpu-list", "1", "proxy", "--listen", "a"]);
    assert_eq!(pinned.get_envs().count(), 1);
}

#[test]
fn each_peer_does_what_it_can() {
    let does = |peer: Peer, job| peer.does(job).collect::<Vec<_>>();
    assert_eq!(does(Peer::Envoy, Job::OneWasm), [Part::Headers]);
    assert_eq!(does(Peer::Nginx, Job::Four).len(), 5);
    assert!(!does(Peer::Haproxy, Job::Four).contains(&Part::City));
    assert_eq!(does(Peer::Pingora, Job::BareTuned), []);
    let error = Peer::Nginx.start(Job::OneWasm, &ground(), &Programs::default()).err().unwrap();
    assert_eq!(error.to_string(), "nginx has no job `one-wasm`");
}

fn ground() -> Ground<'static> {
    let origin = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let nowhere = Path::new("/nonexistent");
    Ground { folder: nowhere, north: origin, south: origin, database: nowhere, workers: 1, core: None }
}

#[test]
fn pingoras_version_is_the_one_that_is_locked() {
    let version = Peer::Pingora.version(&Programs::default()).unwrap();
    assert!(version.starts_with("Pingora 0."), "{version}");
}
