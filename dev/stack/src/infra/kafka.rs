//! A Kafka of the stack's own: broker and controller in one process, data in the home.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::run;
use crate::Error;
use crate::home::{Home, write_private};
use crate::plan::{CONTROLLER_PORT, KAFKA_PORT, Plan};
use crate::progress::say;
use crate::ready::Ready;
use crate::spawner::{AsUser, command};
use crate::supervisor::ChildSpec;
use crate::tools::Tools;

pub(crate) const NAME: &str = "kafka";

pub(crate) struct Kafka<'a> {
    home: &'a Home,
    tools: &'a Tools,
    log_settings: PathBuf,
    port: u16,
    controller_port: u16,
}

impl<'a> Kafka<'a> {
    pub(crate) fn new(root: &Path, home: &'a Home, tools: &'a Tools, plan: &Plan) -> Self {
        let (port, controller_port) = (plan.shifted(KAFKA_PORT), plan.shifted(CONTROLLER_PORT));
        Self { home, tools, log_settings: root.join("dev/kafka/log4j2.properties"), port, controller_port }
    }

    fn settings(&self) -> PathBuf {
        self.home.join("run/kafka.properties")
    }

    fn data(&self) -> PathBuf {
        self.home.join("kafka")
    }

    /// Writes the settings, and formats the data folder on the first start.
    pub(crate) async fn initialize(&self) -> Result<(), Error> {
        let Self { port, controller_port, .. } = self;
        let data = self.data();
        // One broker for a few hundred partitions: few threads, one replica, and an offsets topic that loads quickly.
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={}\n\
             num.network.threads=1\nnum.io.threads=2\nbackground.threads=2\nnum.recovery.threads.per.data.dir=2\n\
             auto.create.topics.enable=false\ncompression.type=producer\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=8\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             log.cleaner.dedupe.buffer.size=33554432\n",
            data.display()
        );
        write_private(&self.settings(), &text)?;
        if data.join("meta.properties").exists() {
            return Ok(());
        }
        say("kafka: formatting its storage");
        // Begins with the time: a random id could begin with "-" and pass for an option.
        let cluster = URL_SAFE_NO_PAD.encode(uuid::Uuid::now_v7().as_bytes());
        let mut format = self.java(&["-XX:TieredStopAtLevel=1"]);
        format.args(["kafka.tools.StorageTool", "format", "--cluster-id", &cluster, "--ignore-formatted", "--config"]);
        format.arg(self.settings());
        run("kafka", format, "").await.map(drop)
    }

    /// Makes the broker's topics match the specification, unless that was done for the same one before.
    pub(crate) async fn create_topics(&self, root: &Path, brokers: &str) -> Result<(), Error> {
        let topics = super::topics::Topics::read(root)?;
        let list = topics.list();
        // Data and mark go together: removing the data folder also forgets that its topics exist.
        let mark =
            if self.data().exists() { self.data().join("learnflow-topics") } else { self.home.join("run/topics") };
        let wanted = format!("{brokers} {}\n{list}", topics.replication);
        if fs::read_to_string(&mark).is_ok_and(|done| done == wanted) {
            return Ok(());
        }
        let mut java = self.java(&["-XX:TieredStopAtLevel=1"]);
        java.arg(root.join("dev/kafka/Topics.java")).args([brokers, &topics.replication.to_string()]);
        let report = run("kafka topics", java, &list).await?;
        say(&format!("kafka: {report}"));
        write_private(&mark, &wanted)
    }

    pub(crate) fn spec(&self) -> ChildSpec {
        let mut args = self.java_args();
        // A collection stops the broker for 10 to 30 ms whatever the size of the young generation: a large one has few.
        args.extend(["-Xms448m", "-Xmx448m", "-Xmn320m", "-XX:+UseSerialGC"].map(String::from));
        args.push(format!("-Dlog4j2.configurationFile={}", self.log_settings.display()));
        args.extend(["kafka.Kafka".to_owned(), self.settings().display().to_string()]);
        ChildSpec {
            name: NAME.into(),
            program: "java".into(),
            args,
            env: Vec::new(),
            folder: self.home.path.clone(),
            as_user: AsUser::Same,
            stop_signal: Signal::SIGTERM,
            stop_limit: Duration::from_secs(6),
            last_word: Signal::SIGKILL,
            ready: Ready::Kafka { port: self.port },
        }
    }

    fn java_args(&self) -> Vec<String> {
        vec!["-cp".into(), format!("{}/*", self.tools.kafka_jars.display()), "-Djava.awt.headless=true".into()]
    }

    fn java(&self, options: &[&str]) -> Command {
        let mut java = command(Path::new("java"), Signal::SIGKILL, AsUser::Same);
        java.args(self.java_args()).args(options);
        java
    }
}
