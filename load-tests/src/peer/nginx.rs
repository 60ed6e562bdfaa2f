//! nginx, of Debian, with its modules for geolocation and Lua.

use std::fmt::Display;
use std::process::Command;

use anyhow::{Context, Result};

use super::template::fill;
use super::{Job, Programs, Start};

pub(super) fn command(start: &Start<'_>) -> Result<Command> {
    let (ground, programs) = (start.ground, start.programs);
    // One socket for each process, or one process gets most connections.
    let reuseport = if ground.workers > 1 { " reuseport" } else { "" };
    let configuration = if start.job == Job::Four {
        start.write("job.lua", include_str!("../../peers/nginx/job.lua"))?;
        let modules = programs.debians("usr/lib/nginx/modules", "libnginx-mod-http-lua")?;
        let scripts = programs.debians("usr/share/lua/5.1", "lua-resty-core")?;
        let values: &[(&str, &dyn Display)] = &[
            ("LISTEN", &start.listen),
            ("REUSEPORT", &reuseport),
            ("WORKERS", &ground.workers),
            ("NORTH", &ground.north),
            ("SOUTH", &ground.south),
            ("DATABASE", &ground.database.display()),
            ("FOLDER", &ground.folder.display()),
            ("MODULES", &modules.display()),
            ("LUA", &scripts.display()),
        ];
        fill(include_str!("../../peers/nginx/four.conf"), values)?
    } else {
        let values: &[(&str, &dyn Display)] = &[
            ("LISTEN", &start.listen),
            ("REUSEPORT", &reuseport),
            ("WORKERS", &ground.workers),
            ("SOUTH", &ground.south),
        ];
        fill(include_str!("../../peers/nginx/bare.conf"), values)?
    };
    let configuration = start.write("nginx.conf", &configuration)?;
    let mut nginx = program(programs)?;
    nginx.arg("-p").arg(ground.folder).arg("-c").arg(configuration).args(["-e", "stderr"]);
    Ok(nginx)
}

pub(super) fn version(programs: &Programs) -> Result<String> {
    let output = program(programs)?.arg("-v").output().context("nginx can not be run")?;
    // nginx version: nginx/1.22.1
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, version) = said.trim().rsplit_once('/').with_context(|| format!("nginx says `{said}`"))?;
    Ok(format!("nginx {version}"))
}

fn program(programs: &Programs) -> Result<Command> {
    let mut nginx = Command::new(programs.debians("usr/sbin/nginx", "nginx")?);
    nginx.env("LD_LIBRARY_PATH", programs.debians_libraries());
    Ok(nginx)
}
