//! A server in this process for a test: a folder of files, a configuration, a port of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::thread::JoinHandleExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use kinglet::config::settings::{Settings, SourceFile};
use kinglet::config::{self, Options};
use kinglet::conn::{
    self, LOG_FINISH, Local, Parts, PeerLimits, RX_BYTES, SIGNALS, SignalWatch, Site, TX_BYTES,
};
use kinglet::reactor::{Limits, ListenerId, Listening, Mailbox, Post, Reactor, Start};
use kinglet::sys::clock;
use kinglet::sys::signal::Signals;
use kinglet::sys::socket::{self, ListenOptions, PortSharing};
use kinglet::tls::TicketSecret;
use kinglet::vhost::World;
use kinglet::vhost::certificate_files::PemFiles;
use kinglet::vhost::certificates::{Certificates, Means};
use kinglet::vhost::log::Logs;

use super::client::{Answer, Client};

/// A test that waits for longer than this for a byte has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is removed with its content.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinglet-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    /// Where `name` is.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a file and the folders around it.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    /// Makes a file of `len` zeros that takes no place on the disk.
    pub(crate) fn sparse(self, name: &str, len: usize) -> Self {
        self.write(name, "");
        let file = std::fs::OpenOptions::new().write(true).open(self.at(name)).unwrap();
        file.set_len(len as u64).unwrap();
        self
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Sets a file's time of modification.
    pub(crate) fn age(&self, name: &str, unix_secs: u64) {
        let time = std::time::UNIX_EPOCH + Duration::from_secs(unix_secs);
        std::fs::File::open(self.at(name)).unwrap().set_modified(time).unwrap();
    }

    /// Serves `config`, in which `DIR` stands for the folder.
    pub(crate) fn serve(self, config: &str) -> Server {
        Server::start(self, config, BLOCKS)
    }

    /// Serves `www` as a.test, with further keys of `global`, the vhost and the mount.
    pub(crate) fn serve_www(self, global: &str, vhost: &str, mount: &str) -> Server {
        self.serve(&www(global, vhost, mount))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A configuration with the folder's `www` as a.test; each part is empty or ends with a comma.
pub(crate) fn www(global: &str, vhost: &str, mount: &str) -> String {
    format!(
        r#"{{ "global": {{ {global} "shutdown-secs": 10 }}, "vhosts": [ {{ "name": "a.test",
        {vhost} "port": 80, "mounts": [ {{ {mount} "mountpoint": "/",
        "origin": "file://DIR/www" }} ] }} ] }}"#
    )
}

/// Blocks of the pool where a test does not say otherwise.
pub(crate) const BLOCKS: usize = 1024;

/// When the certificates of tests/tls are judged: 2027-06-01, in seconds since 1970.
pub(crate) const WALL_S: u64 = 1_811_808_000;

/// Any port of this machine alone.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Connections where the configuration does not say otherwise.
const CONNECTIONS: usize = 1024;

/// A reactor in a thread; it stops and everything is removed when this is dropped.
pub(crate) struct Server {
    /// Of the first listener.
    pub(crate) address: SocketAddr,
    /// Of all listeners, in the order of the configuration.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) folder: Folder,
    /// How its reactors can be written to, by their numbers.
    pub(crate) posts: Vec<Post>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(folder: Folder, config: &str, blocks_max: usize) -> Self {
        Self::start_so(folder, config, Setting { blocks_max, ..Setting::default() })
    }

    pub(crate) fn start_so(folder: Folder, config: &str, setting: Setting) -> Self {
        // Clients and servers of all tests share this process's descriptors.
        let _ = kinglet::sys::limits::set_descriptors(None);
        let text = config.replace("DIR", folder.path.to_str().unwrap()).into_bytes();
        let file = SourceFile { path: "conf".to_owned(), text };
        let loaded = config::load_texts(vec![file], &Options::default());
        let report = loaded.report.render(&loaded.settings.files, false);
        assert!(!loaded.report.has_errors(), "{report}");
        let (world, faults) = World::build(&loaded.settings);
        assert!(faults.is_empty(), "{faults:?}");
        let tls = Tls::load(&loaded.settings, &world);
        let mut sockets: Vec<Vec<OwnedFd>> =
            world.listeners.iter().map(|_| setting.listen(&folder)).collect();
        let addresses: Vec<SocketAddr> =
            sockets.iter().filter_map(|of| socket::local_addr(&of[0]).ok()).collect();
        let listeners = (0..setting.reactors).map(|_| {
            let each = (0..).map(ListenerId).zip(&mut sockets);
            let each = each.filter_map(|(id, of)| {
                Some(Listening { socket: u32::from(id.0), id, fd: of.pop()? })
            });
            each.collect()
        });
        let listeners = listeners.collect();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::spawn(move || run(world, tls, listeners, setting, &ready));
        let started = (0..setting.reactors).map(|_| started.recv().expect("a reactor that starts"));
        let mut posts: Vec<Post> = started.collect();
        posts.sort_by_key(Post::own);
        let address = addresses.first().copied().unwrap_or(ANY);
        Self { address, addresses, folder, posts, thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The answer to one request on a connection of its own, which must end after it.
    pub(crate) fn ask(&self, method: &str, target: &str, fields: &[&str]) -> Answer {
        self.ask_at(self.address, method, target, fields)
    }

    pub(crate) fn ask_at(
        &self,
        at: SocketAddr,
        method: &str,
        target: &str,
        fields: &[&str],
    ) -> Answer {
        let mut client = Client::connect(at);
        client.send(request(method, target, &[fields, &["Connection: close"]].concat()));
        let answer = client.answer_to(method);
        client.ends();
        answer
    }

    pub(crate) fn get(&self, target: &str, fields: &[&str]) -> Answer {
        self.ask("GET", target, fields)
    }

    /// The status of GET.
    pub(crate) fn status(&self, target: &str) -> u16 {
        self.get(target, &[]).status
    }

    /// Sends a signal to the reactor's thread alone.
    pub(crate) fn signal(&self, number: libc::c_int) {
        if let Some(thread) = &self.thread {
            // SAFETY: the thread has not been joined, so its id is valid; it has all signals
            // that are sent here blocked and reads them from its descriptor.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), number) };
        }
    }

    /// Waits until the server has ended by itself.
    pub(crate) fn wait(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }

    /// Lets the server finish its connections, and waits until it has ended.
    pub(crate) fn finish(mut self) -> Folder {
        self.signal(libc::SIGTERM);
        self.thread.take().unwrap().join().unwrap();
        std::mem::replace(&mut self.folder, Folder::new())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Two different ones: the second one ends what the first one would wait for.
        self.signal(libc::SIGTERM);
        self.signal(libc::SIGINT);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(!matches!(ended, Some(Err(_))) || std::thread::panicking(), "the reactor panicked");
    }
}

/// How a test's server differs from the others.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) blocks_max: usize,
    /// What each reactor's thread does first.
    pub(crate) begin: fn(),
    /// Sockets have room for about this many bytes that wait to be sent.
    pub(crate) socket_bytes: Option<usize>,
    /// Threads; each has a socket of its own for each listener.
    pub(crate) reactors: u16,
    /// The first listener is the unix socket `socket` in the folder.
    pub(crate) unix: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self { blocks_max: BLOCKS, begin: || {}, socket_bytes: None, reactors: 1, unix: false }
    }
}

impl Setting {
    /// A socket for each reactor, all on one address.
    fn listen(&self, folder: &Folder) -> Vec<OwnedFd> {
        if self.unix {
            let listener = std::os::unix::net::UnixListener::bind(folder.at("socket")).unwrap();
            listener.set_nonblocking(true).unwrap();
            return vec![listener.into()];
        }
        let mut sockets = vec![socket::listen(ANY, &ListenOptions::default()).unwrap()];
        socket::allow_more(&sockets[0]).unwrap();
        let address = socket::local_addr(&sockets[0]).unwrap();
        let further = ListenOptions { sharing: PortSharing::Further, ..ListenOptions::default() };
        for _ in 1..self.reactors {
            sockets.push(socket::listen(address, &further).unwrap());
        }
        if let Some(bytes) = self.socket_bytes {
            // Connections inherit it.
            for socket in &sockets {
                socket2::SockRef::from(socket).set_send_buffer_size(bytes).unwrap();
            }
        }
        sockets
    }
}

/// What speaking TLS takes.
struct Tls {
    certificates: Certificates,
    sessions_max: Option<usize>,
    handshakes_max: usize,
}

impl Tls {
    fn load(settings: &Settings, world: &World) -> Self {
        let mut no_stand_in = || Err("not in tests".to_owned());
        let mut means = Means {
            files: &PemFiles::default(),
            self_signed: &mut no_stand_in,
            tickets: TicketSecret::new(clock::monotonic_ms()).ok().map(Mutex::new).map(Arc::new),
            now_ms: clock::monotonic_ms,
            now_secs: || WALL_S,
        };
        let (certificates, _) = Certificates::load(settings, &mut means);
        let wanted = settings.global.tls_connections_max.map(|n| n as usize);
        let sessions_max = if world.has_tls() { wanted } else { Some(0) };
        let handshakes_max = settings.global.handshakes_max.map_or(16, |n| n as usize);
        Self { certificates, sessions_max, handshakes_max }
    }
}

fn run(
    world: World,
    tls: Tls,
    listeners: Vec<Vec<Listening>>,
    setting: Setting,
    ready: &mpsc::Sender<Post>,
) {
    let signals = Signals::new().unwrap();
    let (logs, faults) = Logs::open(&world.log_files, None, |message| panic!("{message}"));
    assert!(faults.is_empty(), "{faults:?}");
    let wanted = world.limits.connections_max;
    let connections_max = wanted.map_or(CONNECTIONS, |n| usize::try_from(n).unwrap());
    let limits = Limits {
        connections_max,
        blocks_max: setting.blocks_max,
        sessions_max: tls.sessions_max.unwrap_or(connections_max),
        rx_bytes: RX_BYTES,
        tx_bytes: TX_BYTES,
    };
    let site: &'static Site =
        Box::leak(Box::new(Site::new(world).with_tls(tls.certificates, tls.handshakes_max)));
    let peers = PeerLimits::new(&site.world, connections_max, usize::from(setting.reactors));
    let watches = vec![(SIGNALS, signals.as_raw_fd())];
    let watch = SignalWatch::new(signals, logs.clone(), site.world.limits.shutdown_ms);
    let one = |mailbox: Mailbox, listeners, watches, overseer| {
        (setting.begin)();
        let post = mailbox.post();
        let limits = limits.share(post.own(), setting.reactors);
        let start = Start { limits, world: site, listeners, watches };
        let connections_max = limits.connections_max;
        let (logs, peers) = (logs.clone(), peers.clone());
        let passwords = conn::Passwords::default();
        let local = |post| {
            Local::new(site, Parts { connections_max, post, logs, peers, overseer, passwords })
        };
        let mut reactor = Reactor::<conn::Client>::new(start, mailbox, local).unwrap();
        ready.clone().send(post).unwrap();
        reactor.run().unwrap();
        reactor.into_local().finish();
    };
    let mut all = Mailbox::open(setting.reactors).unwrap().into_iter().zip(listeners);
    let (mailbox, first) = all.next().unwrap();
    std::thread::scope(|scope| {
        let one = &one;
        for (mailbox, listeners) in all {
            scope.spawn(move || one(mailbox, listeners, Vec::new(), None));
        }
        one(mailbox, first, watches, Some(Box::new(watch)));
    });
    logs.finish(LOG_FINISH);
}

/// A request for a.test; one of `fields` may be another Host.
pub(crate) fn request(method: &str, target: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|field| field.starts_with("Host:")) {
        text.push_str("Host: a.test\r\n");
    }
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text + "\r\n"
}

/// Looks until `done` holds, which something else brings about.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}
