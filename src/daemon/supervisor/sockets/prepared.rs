//! A plan's sockets: what is missing is opened, what is there is left alone.

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use super::{Duty, Handed, Origin, Socket, Table, unix};
use crate::config::settings::ListenOn;
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::opening::{self, Bound, Outcome};
use crate::daemon::listening::places::{Bind, Interfaces, Wanted};
use crate::daemon::listening::ports::{self, Asker};
use crate::daemon::listening::table::{self, Fate, Key, Opening, Wish};
use crate::daemon::plan::{Excerpt, Plan};
use crate::sys::ifaddr;
use crate::sys::socket::ListenOptions;
use crate::sys::unix_listener::UnixAccess;

/// A place that is listened on, for banner and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// TCP, with the port that port 0 became.
    Tcp(SocketAddr),
    /// A unix socket: path, or abstract name with `@`.
    Unix(String),
}

/// The sockets of a plan that is not current yet. Drop it by [`Table::abandon`], which also
/// removes files.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What there is to say, each with the place of the configuration that asks for it.
    pub findings: Vec<(Finding, Excerpt)>,
    /// One of them is an error: the plan must not be taken.
    pub fatal: bool,
    /// What the worker of this plan has to get.
    pub for_worker: Vec<Handed>,
    /// Sockets that serve now and that this plan does not want.
    pub removed: Vec<u32>,
    /// Quick mode: the port.
    pub quick_port: Option<u16>,
    /// What each listener is reached at: its number, and where; each place once.
    pub served: Vec<(u16, Served)>,
    pub(super) opened: Vec<Socket>,
    /// Those of `removed` that the kernel prefers to what was opened.
    pub(super) hiding: Vec<u32>,
    /// Who may use the files of unix sockets that are open already.
    pub(super) access: Vec<(u32, UnixAccess)>,
    /// Some port is in use.
    pub(super) busy: bool,
    /// An address could not be had that may be there soon.
    pub(super) again: bool,
}

impl Table {
    /// Opens what `plan` needs and this table has not. What is here is not touched, but that it
    /// may share its address from now on where that is needed. When a socket cannot be opened,
    /// `fatal` says whether the plan can do without.
    pub fn prepare(&mut self, plan: &Plan, interfaces: &Interfaces) -> Prepared {
        let wanted: Vec<Wanted> = plan.listeners.iter().map(|one| one.wanted.clone()).collect();
        let Some(quick) = &plan.quick else { return self.attempt(plan, &wanted, interfaces) };
        let first = wanted.iter().map(|one| one.port).find(|port| *port != 0).unwrap_or(0);
        let last = first.saturating_add(quick.tries.saturating_sub(1));
        // The port that was found stays.
        let mut port = self.quick_port.filter(|port| (first..=last).contains(port));
        port.get_or_insert(first);
        let mut port = port.unwrap_or(first);
        loop {
            let mut prepared = self.attempt(plan, &with_port(&wanted, port), interfaces);
            if !prepared.busy || port >= last {
                prepared.quick_port = Some(prepared.real_port().unwrap_or(port));
                return prepared;
            }
            self.abandon(prepared);
            port = port.saturating_add(1);
        }
    }

    /// Tries to open everything of `wanted`, the places of `plan`.
    pub(super) fn attempt(
        &mut self,
        plan: &Plan,
        wanted: &[Wanted],
        interfaces: &Interfaces,
    ) -> Prepared {
        let mut prepared = Prepared::default();
        self.forget_lost_names();
        let wishes = opening::wishes(wanted, interfaces, &mut |index, finding| {
            prepared.report(plan, index, finding);
        });
        let held = self.held();
        let listed = OnceCell::new();
        let is_here = |ip: IpAddr| is_here(ip, interfaces, &listed);
        let change = table::change(&held, &wishes, plan.threads.max(1), &is_here);
        for socket in &self.sockets {
            let at = held.iter().position(|held| held.key == socket.key);
            let Some(fate) = at.and_then(|at| change.fates.get(at)) else { continue };
            prepared.keep(socket, *fate);
            let listener = fate.listener().and_then(|index| plan.listeners.get(usize::from(index)));
            if let Some(access) = listener.and_then(|listener| listener.unix) {
                prepared.access.push((socket.number, access));
            }
        }
        for opening in &change.openings {
            self.open(plan, wanted, opening, &mut prepared);
        }
        self.report_spare(&mut prepared);
        prepared.fatal =
            prepared.findings.iter().any(|(finding, _)| finding.severity == Severity::Error);
        prepared.for_worker.sort_unstable_by_key(|handed| (handed.listener, handed.socket));
        prepared.list_served(self);
        prepared
    }

    fn open(&mut self, plan: &Plan, wanted: &[Wanted], opening: &Opening, prepared: &mut Prepared) {
        let index = usize::from(opening.wish.listener);
        let bind = match &opening.wish.key {
            Key::Tcp { address, v6_only, .. } => Bind { address: *address, v6_only: *v6_only },
            Key::Unix(name) => {
                let access = plan.listeners.get(index).and_then(|listener| listener.unix);
                match unix::open(name, access) {
                    Ok((fd, file)) => {
                        let number = self.number();
                        prepared.add_unix(&opening.wish, number, fd, file);
                    }
                    Err(finding) => prepared.report(plan, index, finding),
                }
                return;
            }
        };
        let key = &opening.wish.key;
        let all = || self.sockets.iter().chain(&prepared.opened);
        let in_the_way: Vec<_> =
            all().filter(|one| one.key.meets(key)).map(|one| one.fd.as_fd()).collect();
        let sibling = all().find(|one| one.key == *key);
        let port = sibling.and_then(|one| one.local).unwrap_or(bind.address).port();
        let is_inherited = sibling.is_some_and(|one| one.origin == Origin::Inherited);
        let outcome = opening::open(opening, port, &in_the_way, &ListenOptions::default());
        let Outcome { bound, ahead, failure } = outcome;
        for bound in bound {
            let number = self.number();
            prepared.add_tcp(bound, number);
        }
        let named = matches!(wanted.get(index), Some(Wanted { on: ListenOn::Address(..), .. }));
        if ahead && named {
            prepared.report(plan, index, opening::awaited(bind));
        }
        match failure {
            Some(error) if is_inherited => {
                let message = format!(
                    "{} has one socket for all threads: it was inherited, and sockets cannot be \
                     added: {error}",
                    ports::shown(bind.address)
                );
                prepared.report(plan, index, Finding::new(Severity::Warning, message));
            }
            Some(error) => {
                prepared.busy |= error.kind() == io::ErrorKind::AddrInUse;
                prepared.again |= error.kind() == io::ErrorKind::AddrNotAvailable;
                prepared.report(plan, index, ports::refused(bind, &error, Asker::Start));
            }
            None => {}
        }
    }

    /// Says once which inherited sockets nobody wants.
    fn report_spare(&self, prepared: &mut Prepared) {
        for socket in &self.sockets {
            let used = prepared.for_worker.iter().any(|handed| handed.socket == socket.number);
            if socket.duty == (Duty::Spare { told: false }) && !used {
                let message = format!("nothing listens on the inherited socket {}", socket.shown());
                let finding = Finding::new(Severity::Warning, message).hint(
                    "give a vhost its port and interface, or take it out of the .socket unit",
                );
                prepared.findings.push((finding, Excerpt::default()));
            }
        }
    }
}

impl Prepared {
    /// Descriptor of a socket that was opened for this plan.
    #[must_use]
    pub fn fd(&self, number: u32) -> Option<&Arc<OwnedFd>> {
        self.opened.iter().find(|socket| socket.number == number).map(|socket| &socket.fd)
    }

    fn report(&mut self, plan: &Plan, index: usize, finding: Finding) {
        let source = plan.listeners.get(index).map(|listener| listener.source.clone());
        self.findings.push((finding, source.unwrap_or_default()));
    }

    fn keep(&mut self, socket: &Socket, fate: Fate) {
        match fate {
            Fate::Stays(listener) | Fate::Covered(listener) => self.for_worker.push(Handed {
                socket: socket.number,
                listener,
                share: socket.share,
            }),
            Fate::Leaves { hides } => {
                if matches!(socket.duty, Duty::Serves(_)) {
                    self.removed.push(socket.number);
                }
                if hides && socket.origin == Origin::Opened {
                    self.hiding.push(socket.number);
                }
            }
        }
    }

    fn add_tcp(&mut self, bound: Bound, number: u32) {
        let Bound { wish, share, bind, socket } = bound;
        self.add(
            &wish,
            Socket {
                number,
                key: wish.key.clone(),
                share,
                fd: Arc::new(socket),
                local: Some(bind.address),
                file: None,
                origin: Origin::Opened,
                duty: Duty::Serves(wish.listener),
                is_hushed: false,
            },
        );
    }

    fn add_unix(&mut self, wish: &Wish, number: u32, fd: OwnedFd, file: Option<unix::SocketFile>) {
        self.add(
            wish,
            Socket {
                number,
                key: wish.key.clone(),
                share: 0,
                fd: Arc::new(fd),
                local: None,
                file,
                origin: Origin::Opened,
                duty: Duty::Serves(wish.listener),
                is_hushed: false,
            },
        );
    }

    fn add(&mut self, wish: &Wish, socket: Socket) {
        let Socket { number, share, .. } = socket;
        self.for_worker.push(Handed { socket: number, listener: wish.listener, share });
        self.opened.push(socket);
    }

    fn list_served(&mut self, table: &Table) {
        for handed in &self.for_worker {
            let mut all = table.sockets.iter().chain(&self.opened);
            let Some(socket) = all.find(|socket| socket.number == handed.socket) else { continue };
            let place = match (&socket.key, socket.local) {
                (Key::Unix(name), _) => Served::Unix(name.clone()),
                (Key::Tcp { .. }, Some(address)) => Served::Tcp(address),
                (Key::Tcp { address, .. }, None) => Served::Tcp(*address),
            };
            if !self.served.iter().any(|(_, other)| *other == place) {
                self.served.push((handed.listener, place));
            }
        }
    }

    /// The port of the first TCP listener.
    fn real_port(&self) -> Option<u16> {
        self.served.iter().find_map(|(_, place)| match place {
            Served::Tcp(address) => Some(address.port()),
            Served::Unix(_) => None,
        })
    }
}

fn with_port(wanted: &[Wanted], port: u16) -> Vec<Wanted> {
    wanted.iter().map(|one| Wanted { port, ..one.clone() }).collect()
}

/// Whether an address is on this machine. Interfaces are listed only when it has to be known.
fn is_here(ip: IpAddr, interfaces: &Interfaces, listed: &OnceCell<Option<Vec<IpAddr>>>) -> bool {
    if ip.is_loopback() {
        return true;
    }
    if !interfaces.addresses.is_empty() {
        return interfaces.addresses.iter().any(|entry| entry.address == ip);
    }
    let list = listed.get_or_init(|| {
        let addresses = ifaddr::addresses().ok()?;
        Some(addresses.into_iter().map(|entry| entry.address).collect())
    });
    // When in doubt, a socket stays.
    list.as_ref().is_none_or(|list| list.contains(&ip))
}
