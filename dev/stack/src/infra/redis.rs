//! A Redis of the stack's own, in the home.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::Error;
use crate::home::{Home, write_private};
use crate::ready::Ready;
use crate::spawner::AsUser;
use crate::supervisor::ChildSpec;
use crate::tools::Tools;

pub(crate) const NAME: &str = "redis";

/// Writes the configuration (the password must not show in the process list) and describes the process.
pub(crate) fn spec(home: &Home, tools: &Tools, port: u16, password: &str) -> Result<ChildSpec, Error> {
    let data = home.join("redis");
    std::fs::create_dir_all(&data).map_err(Error::writing(&data))?;
    let config = home.join("secrets/redis.conf");
    // Rewriting the file keeps a core busy for a second, and the file doubles once a minute under load: it may grow first.
    let text = format!(
        "bind 127.0.0.1\nport {port}\ndir \"{}\"\nrequirepass {password}\nappendonly yes\nsave \"\"\n\
         maxmemory 1gb\nmaxmemory-policy noeviction\nauto-aof-rewrite-min-size 512mb\nrdbcompression no\n",
        data.display()
    );
    write_private(&config, &text)?;
    Ok(ChildSpec {
        name: NAME.into(),
        program: tools.redis.clone(),
        args: vec![config.display().to_string()],
        env: Vec::new(),
        folder: home.path.clone(),
        as_user: AsUser::Same,
        stop_signal: Signal::SIGTERM,
        stop_limit: Duration::from_secs(4),
        last_word: Signal::SIGTERM,
        ready: Ready::Redis { port, password: password.to_owned() },
    })
}
