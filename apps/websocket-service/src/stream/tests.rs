use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as Lock},
};

use futures::FutureExt as _;
use learnflow_proto::v1::{Answer, Notification};
use proptest::prelude::*;
use tokio::sync::Mutex;

use super::*;

/// A store that lets others go first now and then, and notes the last number only every third time.
#[derive(Clone, Default)]
struct Memory {
    entries: Arc<Lock<BTreeMap<u64, Entry>>>,
    last: Arc<Lock<u64>>,
}

impl Store for Memory {
    async fn read(&self, _: &str, sequence: u64) -> Result<Option<Entry>> {
        tokio::task::yield_now().await;
        Ok(self.entries.lock().unwrap().get(&sequence).cloned())
    }

    async fn write(&self, _: &str, sequence: u64, entry: &Entry) -> Result<Written> {
        tokio::task::yield_now().await;
        let mut entries = self.entries.lock().unwrap();
        if let Some(other) = entries.get(&sequence) {
            return Ok(Written::Taken(other.clone()));
        }
        entries.insert(sequence, entry.clone());
        Ok(Written::New)
    }

    async fn last(&self, _: &str) -> Result<u64> {
        Ok(*self.last.lock().unwrap())
    }

    async fn note_last(&self, _: &str, sequence: u64) -> Result<()> {
        if sequence.is_multiple_of(3) {
            *self.last.lock().unwrap() = sequence;
        }
        Ok(())
    }
}

impl Memory {
    fn stream(&self) -> Stream<Self> {
        Stream::new(self.clone(), "ada".to_owned())
    }

    /// What a client should have got behind a number.
    fn frames(&self, after: u64) -> Vec<Frame> {
        let entries = self.entries.lock().unwrap();
        entries.range(after + 1..).map(|(sequence, entry)| (*sequence, entry.message.frame(*sequence))).collect()
    }
}

fn notification(number: usize) -> Message {
    let notification = Notification { id: number.to_string(), ..Notification::default() };
    Message::Notification { notification: Box::new(notification) }
}

fn part(text: &str, end: usize) -> Message {
    let (id, request_id, token) = ("1".to_owned(), "r".to_owned(), format!("1-{end}-0"));
    Message::Part { id, request_id, text: text.to_owned(), end, token }
}

fn asked() -> Message {
    Message::Asked { id: "1".to_owned(), request_id: "r".to_owned() }
}

fn answer(markdown: &str) -> Message {
    let answer = Answer { markdown: markdown.to_owned(), ..Answer::default() };
    Message::Answer { id: "1".to_owned(), request_id: "r".to_owned(), answer: Box::new(answer) }
}

/// A client: what it got, and its socket at one of the replicas.
struct Client {
    got: Vec<Frame>,
    queue: Queue,
}

impl Client {
    async fn open(stream: &mut Stream<Memory>, got: Vec<Frame>) -> Self {
        let after = got.last().map_or(0, |(sequence, _)| *sequence);
        let (_, joined) = stream.join(after, Ending::default()).await.unwrap();
        assert!(joined.complete);
        let got = got.into_iter().chain(joined.missed).collect();
        Self { got, queue: joined.queue }
    }

    fn read(&mut self, most: usize) {
        for _ in 0..most {
            let Some(Some(frame)) = self.queue.recv().now_or_never() else { return };
            self.got.push(frame);
        }
    }
}

async fn texts(stream: &Mutex<Stream<Memory>>) -> Vec<String> {
    let stream = stream.lock().await;
    stream.store.frames(0).into_iter().map(|(_, text)| text.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// FR-039: two replicas hear of the same news in different orders, and of some only one; clients that are cut anywhere
    /// and resume at the other replica get every message once, in the same order as everybody else.
    #[test]
    fn clients_get_everything_once_at_any_replica(
        first in Just((0..40).collect::<Vec<usize>>()).prop_shuffle(),
        second in prop::collection::vec(0..40_usize, 0..60),
        cuts in prop::collection::vec(0..6_usize, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = Memory::default();
            let replicas = [Mutex::new(memory.stream()), Mutex::new(memory.stream())];
            let still = Client::open(&mut *replicas[0].lock().await, Vec::new()).await;
            let hear = async |replica: usize, news: &[usize]| {
                for number in news {
                    replicas[replica].lock().await.append(notification(*number)).await.unwrap();
                }
            };
            let wander = async {
                let mut client = Client::open(&mut *replicas[1].lock().await, Vec::new()).await;
                for (turn, most) in cuts.iter().enumerate() {
                    tokio::task::yield_now().await;
                    // What was sent and not read is lost with the connection.
                    client.read(*most);
                    client = Client::open(&mut *replicas[turn % 2].lock().await, client.got).await;
                }
                client
            };
            let ((), (), wandering) = tokio::join!(hear(0, &first), hear(1, &second), wander);
            for replica in &replicas {
                replica.lock().await.catch_up().await.unwrap();
            }
            for mut client in [still, wandering] {
                client.read(usize::MAX);
                assert_eq!(client.got, memory.frames(0));
            }
            assert_eq!(memory.frames(0).len(), 40, "each once");
        });
    }
}

/// FR-039: two replicas follow one answer, cutting it differently; the stream has each piece once, and an answer asked for
/// again is sent again.
#[tokio::test]
async fn an_answer_is_brought_once() {
    let memory = Memory::default();
    let (one, other) = (Mutex::new(memory.stream()), Mutex::new(memory.stream()));
    let add = async |stream: &Mutex<Stream<Memory>>, message| stream.lock().await.append(message).await.unwrap();
    add(&one, asked()).await;
    add(&one, part("A list ", 7)).await;
    other.lock().await.catch_up().await.unwrap();
    add(&other, part("list keeps ", 13)).await;
    // Behind what is there, inside it, over its end, and behind a gap.
    add(&one, part("A list ", 7)).await;
    add(&one, part("keeps things", 19)).await;
    add(&other, part("far off", 90)).await;
    for stream in [&one, &other] {
        add(stream, answer("A list keeps things")).await;
    }
    let kinds = async || -> Vec<String> {
        let value = |text: &String| -> serde_json::Value { serde_json::from_str(text).unwrap() };
        let word = |value: serde_json::Value| {
            format!("{} {}", value["type"].as_str().unwrap(), value["text"].as_str().unwrap_or_default())
        };
        texts(&one).await.iter().map(value).map(word).collect()
    };
    assert_eq!(kinds().await, ["asked ", "part A list ", "part keeps ", "part things", "answer "]);
    assert!(other.lock().await.open().is_empty());

    one.lock().await.reopen("r");
    add(&one, asked()).await;
    add(&other, answer("A list keeps things")).await;
    assert_eq!(kinds().await[5..], ["asked ", "answer "]);
}

/// FR-039: a socket that was there before the first message gets what another replica begins with, at whatever number.
#[tokio::test]
async fn a_stream_begun_elsewhere_is_followed() {
    for begin in [0, 42] {
        let memory = Memory::default();
        let (mut stream, mut other) = (memory.stream(), memory.stream());
        let mut client = Client::open(&mut stream, Vec::new()).await;
        other.join(begin, Ending::default()).await.unwrap();
        for number in 0..4 {
            other.append(notification(number)).await.unwrap();
        }
        stream.append(notification(9)).await.unwrap();
        client.read(usize::MAX);
        assert_eq!(client.got.len(), 5);
        assert_eq!(client.got, memory.frames(0));
    }
}

/// FR-039: a replica that gets a student's first socket finds the question under way, and how far its answer is.
#[tokio::test]
async fn questions_under_way_are_found() {
    let memory = Memory::default();
    let mut gone = memory.stream();
    for message in [notification(1), asked(), part("A ", 2), part("list", 6)] {
        gone.append(message).await.unwrap();
    }
    let mut heir = memory.stream();
    heir.catch_up().await.unwrap();
    let open = Open { id: "1".to_owned(), end: 6, token: Some("1-6-0".to_owned()) };
    assert_eq!(heir.open().get("r"), Some(&open));
    assert_eq!(heir.sequence(), 4);
    heir.append(notification(1)).await.unwrap();
    assert_eq!(heir.sequence(), 4, "it was sent before");
}

/// FR-039: a socket that is not read is ended and the others go on; a sixth ends the oldest.
#[tokio::test]
async fn slow_and_surplus_sockets_are_ended() {
    let memory = Memory::default();
    let mut stream = memory.stream();
    let slow = Ending::default();
    let (_, stuck) = stream.join(0, slow.clone()).await.unwrap();
    let mut reader = Client::open(&mut stream, Vec::new()).await;
    for number in 0..=BACKLOG {
        stream.append(notification(number)).await.unwrap();
        reader.read(1);
    }
    assert!(slow.slow.is_cancelled());
    assert_eq!(reader.got, memory.frames(0));
    assert_eq!(stuck.queue.frames.len(), BACKLOG);
    // Few messages can be much too.
    let large = Ending::default();
    let (_, stuck) = stream.join(stream.sequence(), large.clone()).await.unwrap();
    for number in 0..10 {
        assert!(!large.slow.is_cancelled());
        stream
            .append(Message::Notification {
                notification: Box::new(Notification {
                    id: format!("large {number}"),
                    body: "x".repeat(BACKLOG_BYTES / 9),
                    ..Notification::default()
                }),
            })
            .await
            .unwrap();
        reader.read(1);
    }
    assert!(large.slow.is_cancelled() && stuck.queue.frames.len() == 9);
    assert_eq!(reader.got, memory.frames(0));

    let endings: Vec<Ending> = (0..=MOST_SOCKETS).map(|_| Ending::default()).collect();
    let mut queues = vec![reader.queue];
    for end in &endings {
        queues.push(stream.join(0, end.clone()).await.unwrap().1.queue);
    }
    let replaced: Vec<bool> = endings.iter().map(|end| end.replaced.is_cancelled()).collect();
    assert_eq!(replaced, [true, false, false, false, false, false]);
}

/// FR-039: numbers never come a second time, even where nobody knows any more how far they had come; a client that missed
/// more than is kept is told so.
#[tokio::test]
async fn lost_streams_are_said_and_go_on() {
    let memory = Memory::default();
    let (mut stream, mut other) = (memory.stream(), memory.stream());
    other.catch_up().await.unwrap();
    let (_, joined) = stream.join(42, Ending::default()).await.unwrap();
    assert!(joined.missed.is_empty() && joined.complete);
    other.append(notification(1)).await.unwrap();
    stream.append(notification(2)).await.unwrap();
    assert_eq!(stream.sequence(), 44);
    let (_, joined) = stream.join(7, Ending::default()).await.unwrap();
    assert!(!joined.complete && joined.missed.len() == 2);
    let (_, joined) = stream.join(u64::MAX, Ending::default()).await.unwrap();
    assert!(!joined.complete && joined.missed.is_empty() && stream.sequence() == 44);
}
