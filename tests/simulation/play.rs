//! Plays scripts as a reactor would: load, flush, fill, step, store; but chance decides on what
//! is ready, how much of it, and who comes next.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use kinglet::buf::{BLOCK_BYTES, CloseReason, End, Ends, LaneId, Tail};
use kinglet::config::settings::SourceFile;
use kinglet::config::{self, Options};
use kinglet::conn::{Client, Local, Parts, PeerLimits, RX_BYTES, Site, TX_BYTES};
use kinglet::reactor::{Cx, ListenerId, Local as _, Mailbox, Note, Role as _, Step, Timeout, Wait};
use kinglet::sys::clock;
use kinglet::sys::peer::PeerAddr;
use kinglet::vhost::World;
use kinglet::vhost::log::Logs;

use super::random::Random;
use super::script::{FILES, Script, USERS, content};

const CONFIG: &str = r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
    { "mountpoint": "/", "origin": "file://DIR/www", "directory-listing": "1" },
    { "mountpoint": "/guarded", "origin": "file://DIR/www", "basic-auth": "DIR/users" },
    { "mountpoint": "/away", "origin": ">http://new.test" } ] }] }"#;

/// `secret`
const HASH: &str = "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0";

/// Turns after which a connection has failed to end.
const TURNS_MAX: usize = 2_000_000;

/// Room that a turn has even when the pool is exhausted.
const ROOM_BYTES_MIN: usize = 2 * BLOCK_BYTES;

/// How a script is delivered and its answers are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As much as there is room for.
    Whole,
    /// One byte in each turn.
    Bytes,
    /// Any piece, when chance allows, and spurious turns in between.
    Pieces,
}

/// A site, and what the roles of a reactor share.
pub(crate) struct Stage {
    site: &'static Site,
    local: Local,
    ends: Ends,
    now_ms: u64,
    folder: PathBuf,
    _mailbox: Mailbox,
}

/// A connection between two turns.
struct Actor<'s> {
    role: Option<Client>,
    script: &'s Script,
    delivered: usize,
    eof: bool,
    shut: bool,
    rx: Vec<u8>,
    tx: Vec<u8>,
    tail: Tail,
    wait: Wait,
    out: Vec<u8>,
    note: Option<Note>,
    /// It is on the run queue.
    runnable: bool,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = temporary();
        std::fs::create_dir_all(folder.join("www/list/sub")).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
        for (name, len) in FILES.iter().chain(&[("kind.unknown", 3)]) {
            let path = folder.join("www").join(name);
            std::fs::write(&path, content(*len)).unwrap();
            std::fs::File::open(path).unwrap().set_modified(old).unwrap();
        }
        for n in 0..300 {
            std::fs::write(folder.join(format!("www/list/entry-{n}.txt")), "").unwrap();
        }
        let users: String = (0..USERS).map(|n| format!("u{n:02}:{HASH}\n")).collect();
        std::fs::write(folder.join("users"), users).unwrap();
        let text = CONFIG.replace("DIR", folder.to_str().unwrap()).into_bytes();
        let file = SourceFile { path: "conf".to_owned(), text };
        let loaded = config::load_texts(vec![file], &Options::default());
        assert!(!loaded.report.has_errors());
        let site: &'static Site = Box::leak(Box::new(Site::new(World::build(&loaded.settings).0)));
        let mailbox = Mailbox::alone().unwrap();
        let parts = Parts {
            connections_max: 16,
            post: mailbox.post(),
            logs: Logs::default(),
            peers: PeerLimits::new(&site.world, 16, 1),
            overseer: None,
            passwords: kinglet::conn::Passwords::default(),
        };
        let local = Local::new(site, parts);
        let (ends, now_ms) = (Ends::new(RX_BYTES, TX_BYTES), clock::monotonic_ms());
        Self { site, local, ends, now_ms, folder, _mailbox: mailbox }
    }

    /// Plays the scripts side by side; what each connection sent.
    pub(crate) fn play(
        &mut self,
        scripts: &[Script],
        way: Way,
        random: &mut Random,
    ) -> Vec<Vec<u8>> {
        let mut actors: Vec<Actor<'_>> = scripts.iter().map(|script| self.enter(script)).collect();
        for _ in 0..TURNS_MAX {
            let left = actors.iter().filter(|actor| actor.role.is_some()).count();
            if left == 0 {
                return actors.into_iter().map(|actor| actor.out).collect();
            }
            while let Some((slot, note)) = self.local.take_note() {
                if let Some(actor) = actors.get_mut(usize::from(slot)) {
                    actor.note = Some(note);
                }
            }
            let number = random.below(actors.len());
            self.turn(&mut actors[number], number, way, random);
        }
        let at: Vec<_> = actors.iter().map(|a| (&a.role, a.delivered, a.wait)).collect();
        panic!("{way:?} does not end: {at:?}");
    }

    /// Delivers `bytes` at once and a note before anything was taken; what leaves after that
    /// until the role closes or waits for more.
    pub(crate) fn interrupt(&mut self, bytes: &[u8], note: Note) -> Vec<u8> {
        let mut script = Script::default();
        script.bytes.extend_from_slice(bytes);
        let mut actor = self.enter(&script);
        let mut role = actor.role.take().unwrap();
        let way = Way::Whole;
        let random = &mut Random::new(0);
        actor.load(&mut self.ends, way, random);
        actor.fill(&mut self.ends[LaneId::Client], way, random);
        let mut cx = cx(self.site, &mut self.local, self.now_ms, 0);
        assert!(matches!(role.step(&mut self.ends, &mut cx, None), Step::Wait(_)));
        assert!(!self.ends[LaneId::Client].tx.is_empty());
        let mut step = role.step(&mut self.ends, &mut cx, Some(note));
        loop {
            let moved = actor.flush(&mut self.ends, way, random);
            match step {
                Step::Wait(Wait::Room) if moved => step = role.step(&mut self.ends, &mut cx, None),
                Step::Close(_) if moved => panic!("closed with something left to send"),
                _ => break,
            }
        }
        role.closed(CloseReason::Finished, &mut cx);
        actor.out
    }

    /// Delivers a request for many turns, and `note` in the second one: turns and answer.
    pub(crate) fn long(&mut self, bytes: &[u8], note: Option<Note>) -> (usize, Vec<u8>) {
        let mut role = self.enter(&Script::default()).role.unwrap();
        let client = &mut self.ends[LaneId::Client];
        client.reset();
        client.up = true;
        client.rx.put(bytes).unwrap();
        let mut cx = cx(self.site, &mut self.local, self.now_ms, 0);
        for turns in 1.. {
            let step = role.step(&mut self.ends, &mut cx, note.filter(|_| turns == 2));
            let out = self.ends[LaneId::Client].tx.filled();
            if !out.is_empty() || !matches!(step, Step::Yield) {
                role.closed(CloseReason::Finished, &mut cx);
                return (turns, out.to_vec());
            }
        }
        unreachable!()
    }

    /// Tells a connection without a request, `age_ms` after it has come, that the server stops: how
    /// long it is still kept, if at all.
    pub(crate) fn drained(&mut self, age_ms: u64) -> Option<u64> {
        let mut role = self.enter(&Script::default()).role.unwrap();
        let client = &mut self.ends[LaneId::Client];
        client.reset();
        client.up = true;
        let now_ms = self.now_ms + age_ms;
        let mut cx = cx(self.site, &mut self.local, now_ms, 0);
        (cx.draining, cx.stopping) = (true, true);
        let kept_ms = match role.step(&mut self.ends, &mut cx, Some(Note::Drain)) {
            Step::Wait(Wait::Input) => role.deadline().map(|deadline| deadline.at_ms - now_ms),
            Step::Close(_) => None,
            other => panic!("{other:?}"),
        };
        role.closed(CloseReason::Finished, &mut cx);
        kept_ms
    }

    /// A client that sends a byte of a head each second and goes on for ever: how long it is
    /// listened to, and what it gets.
    pub(crate) fn trickled(&mut self) -> (u64, Vec<u8>) {
        let mut role = self.enter(&Script::default()).role.unwrap();
        let (start_ms, mut out) = (self.now_ms, Vec::new());
        self.ends[LaneId::Client].reset();
        self.ends[LaneId::Client].up = true;
        for second in 0.. {
            let now_ms = start_ms + second * 1000;
            let due = role.deadline().filter(|deadline| deadline.at_ms <= now_ms);
            let note = due.map(|deadline| Note::Timeout(deadline.why));
            let client = &mut self.ends[LaneId::Client];
            client.rx.put(b"G").unwrap();
            client.came_in = true;
            let mut cx = cx(self.site, &mut self.local, now_ms, 0);
            let mut step = role.step(&mut self.ends, &mut cx, note);
            if matches!(step, Step::Wait(Wait::Room)) {
                let client = &mut self.ends[LaneId::Client];
                out.extend_from_slice(client.tx.filled());
                client.tx.consume(client.tx.len());
                step = role.step(&mut self.ends, &mut cx, None);
            }
            if let Step::Close(why) = step {
                role.closed(why, &mut cx);
                return (now_ms - start_ms, out);
            }
        }
        unreachable!("it ends");
    }

    fn enter<'s>(&mut self, script: &'s Script) -> Actor<'s> {
        let peer = PeerAddr::Ip { ip: std::net::Ipv4Addr::LOCALHOST.into(), port: 1 };
        let mut cx = cx(self.site, &mut self.local, self.now_ms, 0);
        let role = Client::accept(ListenerId(0), peer, &mut cx).unwrap();
        Actor {
            role: Some(role),
            script,
            delivered: 0,
            eof: false,
            shut: false,
            rx: Vec::new(),
            tx: Vec::new(),
            tail: Tail::None,
            wait: Wait::Input,
            out: Vec::new(),
            note: None,
            runnable: false,
        }
    }

    fn turn(&mut self, actor: &mut Actor<'_>, slot: usize, way: Way, random: &mut Random) {
        let Some(mut role) = actor.role.take() else { return };
        actor.load(&mut self.ends, way, random);
        // The run queue brings slots back that have nothing new.
        let mut go_on = way == Way::Pieces && random.one_in(8) && actor.wait != Wait::Note;
        go_on |= std::mem::take(&mut actor.runnable);
        // Somebody who is slow to take answers has no less time than one who is only idle.
        let idle = role.deadline().is_some_and(|deadline| deadline.why == Timeout::Idle);
        let mut slow = way == Way::Pieces && idle && !actor.tx.is_empty() && random.one_in(8);
        if actor.wait == Wait::Note && actor.note.is_none() && random.one_in(4) {
            // What was asked for by the slot's tenant before this one.
            let serial = u64::MAX - random.next() % 1000;
            actor.note = Some(Note::Answer { serial, granted: random.one_in(2) });
        }
        for _ in 0..16 {
            let flushed = actor.flush(&mut self.ends, way, random);
            // Who has taken everything by now is only idle.
            if std::mem::take(&mut slow) && !self.ends[LaneId::Client].has_left() {
                actor.note = Some(Note::Timeout(Timeout::Idle));
            }
            let room = matches!(actor.wait, Wait::Room | Wait::Either);
            let filled = actor.fill(&mut self.ends[LaneId::Client], way, random);
            let note = actor.note.take();
            if !(go_on || filled || note.is_some() || flushed && room) {
                break;
            }
            let mut cx = cx(self.site, &mut self.local, self.now_ms, slot);
            let step = role.step(&mut self.ends, &mut cx, note);
            let client = &mut self.ends[LaneId::Client];
            (client.came_in, client.went_out) = (false, false);
            assert!(client.rx.len() <= RX_BYTES && client.tx.len() <= TX_BYTES);
            assert!(role.deadline().is_some(), "it would wait for ever");
            go_on = false;
            match step {
                Step::Wait(wait) => actor.wait = wait,
                Step::Again => go_on = true,
                Step::Yield => {
                    actor.runnable = true;
                    break;
                }
                Step::Become(other) => role = other,
                Step::Close(why) => {
                    let whole = client.tx.is_empty() && self.ends.tail.is_none();
                    assert!(whole, "closed before everything had left: {why}");
                    role.closed(why, &mut cx);
                    return;
                }
            }
        }
        actor.runnable |= go_on;
        actor.store(&mut self.ends);
        actor.role = Some(role);
    }
}

fn cx<'a>(site: &'static Site, local: &'a mut Local, now_ms: u64, slot: usize) -> Cx<'a, Client> {
    let mut cx = Cx::detached(site, local, now_ms);
    cx.slot = u16::try_from(slot).unwrap();
    cx
}

impl Actor<'_> {
    fn load(&mut self, ends: &mut Ends, way: Way, random: &mut Random) {
        ends.tail = std::mem::take(&mut self.tail);
        let client = &mut ends[LaneId::Client];
        client.reset();
        client.up = true;
        client.eof = self.eof;
        client.shut = self.shut;
        client.rx.put(&self.rx).unwrap();
        client.tx.put(&self.tx).unwrap();
        if way == Way::Pieces && random.one_in(2) {
            client.tx.limit_to(ROOM_BYTES_MIN + random.below(TX_BYTES));
        }
    }

    fn store(&mut self, ends: &mut Ends) {
        self.tail = std::mem::take(&mut ends.tail);
        let client = &ends[LaneId::Client];
        self.shut = client.shut;
        self.rx = client.rx.filled().to_vec();
        self.tx = client.tx.filled().to_vec();
    }

    /// How much of `max` moves now.
    fn amount(way: Way, max: usize, random: &mut Random) -> usize {
        match way {
            Way::Whole => max,
            _ if max == 0 => 0,
            // Answers in larger pieces, or a hundred kilobytes would take as many turns.
            Way::Bytes => random.size(4096).min(max),
            Way::Pieces if random.one_in(3) => 0,
            Way::Pieces if random.one_in(4) => max,
            Way::Pieces => random.size(max),
        }
    }

    /// The client takes something; whether it did.
    fn flush(&mut self, ends: &mut Ends, way: Way, random: &mut Random) -> bool {
        let (client, tail) = ends.client();
        let n = Self::amount(way, client.tx.len(), random);
        self.out.extend_from_slice(&client.tx.filled()[..n]);
        client.tx.consume(n);
        let mut moved = n > 0;
        if let (Tail::File { file, offset, left, .. }, true) = (&mut *tail, client.tx.is_empty()) {
            let n = Self::amount(way, usize::try_from(*left).unwrap(), random);
            let mut bytes = vec![0; n];
            let of = std::fs::File::from(file.try_clone().unwrap());
            of.read_exact_at(&mut bytes, *offset).unwrap();
            self.out.extend_from_slice(&bytes);
            *offset += n as u64;
            *left -= n as u64;
            moved |= n > 0;
            if *left == 0 {
                *tail = Tail::None;
            }
        }
        assert!(!matches!(tail, Tail::Broken));
        client.went_out |= moved;
        moved
    }

    /// The client sends something; whether it did.
    fn fill(&mut self, client: &mut End, way: Way, random: &mut Random) -> bool {
        if client.eof || !matches!(self.wait, Wait::Input | Wait::Either) {
            return false;
        }
        let rest = &self.script.bytes[self.delivered..];
        if rest.is_empty() {
            self.eof = way != Way::Pieces || random.one_in(3);
            client.eof = self.eof;
            return self.eof;
        }
        let max = rest.len().min(client.rx.room_len());
        let n = if way == Way::Bytes { max.min(1) } else { Self::amount(way, max, random) };
        client.rx.put(&rest[..n]).unwrap();
        self.delivered += n;
        client.came_in |= n > 0;
        n > 0
    }
}

/// A path of its own for each stage of this process.
fn temporary() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("kinglet-play-{}-{number}", std::process::id()))
}
