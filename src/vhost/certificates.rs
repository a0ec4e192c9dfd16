//! What vhosts show and demand in TLS handshakes, from the files that the configuration names.
//!
//! A certificate that cannot be used closes nothing but its own vhost, and not even that if
//! there is something else to show: a router must stay reachable, so a self-signed certificate
//! stands in, which is said loudly, until the files are right. They are looked at again when
//! somebody asks for the vhost. Where clients have to show certificates nothing stands in.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::config::settings::{CertificateSource, Settings, Tls};
use crate::sys::keeper::Keeper;
use crate::sys::{cpu, log};
use crate::tls::{Certified, Clients, Policy, Shown, Terms, TicketSecret, Tickets};

use super::certificate_files::{self, Instead, PemFiles, Source, Unusable};
use super::world::{Fault, VhostId};

/// How often the files of a vhost in trouble are looked at, at most.
const RETRY_MS: u64 = 2_000;

/// How often the trouble is told, at most.
const WARN_MS: u64 = 60_000;

/// Why there is no self-signed certificate.
const NOT_MADE: &str = "it could not be made at the start";

/// What is needed besides files.
pub struct Means<'m> {
    /// The files as they were planned; what is not among them is read.
    pub files: &'m PemFiles,
    /// The self-signed certificate; made when it is first asked for.
    pub self_signed: &'m mut dyn FnMut() -> Result<Certified, String>,
    /// What the keys of session tickets come from; none = no tickets.
    pub tickets: Option<Arc<Mutex<TicketSecret>>>,
    /// Monotonic milliseconds.
    pub now_ms: fn() -> u64,
    /// Seconds since 1970.
    pub now_secs: fn() -> u64,
}

/// Who hears that a vhost shows now what it could not show when it was planned.
pub type Hear = Box<dyn Fn(VhostId) + Send + Sync>;

/// What keeps a vhost from showing what it should.
#[derive(Debug)]
pub struct Trouble {
    /// What is to be said about it.
    pub fault: Fault,
    /// Its files are the whole of it: whoever has checked them knows.
    pub is_of_files: bool,
}

/// The TLS side of every vhost.
#[derive(Default)]
pub struct Certificates {
    /// By vhost; none without a certificate of its own.
    entries: Box<[Option<Entry>]>,
    /// Reads the files of vhosts in trouble.
    keeper: Mutex<Option<Keeper>>,
    heard: Option<Hear>,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    tls: Tls,
    shown: Arc<Shown>,
    /// Not there while the vhost is closed.
    policy: OnceLock<Policy>,
    troubled: AtomicBool,
    /// Its files have been read after it was planned.
    is_late: bool,
    retries: Mutex<Retries>,
    tickets: Option<Arc<Mutex<TicketSecret>>>,
    now_ms: fn() -> u64,
    now_secs: fn() -> u64,
}

/// When something is done about what keeps a vhost from showing what it should.
#[derive(Debug, Default)]
struct Retries {
    /// `ignore-missing-cert`: nobody has to hear of it.
    expected: bool,
    retry_at_ms: u64,
    warn_at_ms: u64,
}

impl Certificates {
    /// Reads what the vhosts of `settings` name.
    #[must_use]
    pub fn load(settings: &Settings, means: &mut Means<'_>) -> (Self, Vec<Trouble>) {
        let mut troubles = Vec::new();
        let entries = settings.vhosts.iter().map(|vhost| {
            let tls = vhost.tls.as_ref()?;
            let entry = Entry::new(&vhost.name.value, tls, means);
            troubles.extend(entry.start(means));
            Some(entry)
        });
        (Self { entries: entries.collect(), ..Self::default() }, troubles)
    }

    /// The files of vhosts in trouble, which somebody has to read who still may.
    #[must_use]
    pub fn troubled_files(&self) -> Vec<PathBuf> {
        let paths = self.troubled().flat_map(|entry| certificate_files::paths(&entry.tls));
        paths.map(PathBuf::from).collect()
    }

    fn troubled(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten().filter(|entry| entry.troubled.load(Ordering::Relaxed))
    }

    /// Lets `keeper` read what may not be read after rights were given up.
    pub fn read_by(&mut self, keeper: Keeper) {
        self.keeper = Mutex::new(Some(keeper));
    }

    /// Tells `heard` of each vhost whose trouble ends, and of those that may have been in trouble
    /// before they were loaded.
    pub fn heard_by(&mut self, heard: Hear) {
        for (number, entry) in (0..=u16::MAX).zip(&self.entries) {
            let came_late = |one: &Entry| one.is_late && !one.troubled.load(Ordering::Relaxed);
            if entry.as_ref().is_some_and(came_late) {
                heard(VhostId(number));
            }
        }
        self.heard = Some(heard);
    }

    /// Tries to end the trouble of a vhost; without any left nobody has to keep rights for it.
    fn retry(&self, vhost: VhostId, entry: &Entry) {
        let Ok(mut keeper) = self.keeper.try_lock() else { return };
        entry.retry(keeper.as_ref());
        if !entry.troubled.load(Ordering::Relaxed)
            && let Some(heard) = &self.heard
        {
            heard(vhost);
        }
        if self.troubled().next().is_none() {
            *keeper = None;
        }
    }

    /// How to shake hands for `vhost`; none while it has to stay closed.
    #[must_use]
    pub fn policy(&self, vhost: VhostId) -> Option<&Policy> {
        let entry = self.entries.get(usize::from(vhost.0))?.as_ref()?;
        if entry.troubled.load(Ordering::Relaxed) {
            self.retry(vhost, entry);
        }
        entry.policy.get()
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Entry {
    fn new(name: &str, tls: &Tls, means: &Means<'_>) -> Self {
        Self {
            name: name.into(),
            tls: tls.clone(),
            shown: Shown::new(None),
            policy: OnceLock::new(),
            troubled: AtomicBool::new(false),
            is_late: !means.files.has_given(tls),
            retries: Mutex::new(Retries::default()),
            tickets: means.tickets.clone(),
            now_ms: means.now_ms,
            now_secs: means.now_secs,
        }
    }

    /// Brings the vhost up as well as can be.
    fn start(&self, means: &mut Means<'_>) -> Option<Trouble> {
        let source = Source::Once(means.files);
        let (Ok(Some(unusable)) | Err(unusable)) = self.take_own(means.self_signed, source) else {
            return None;
        };
        let instead = unusable.instead(&self.tls);
        let of_files = format!("{}: {instead}", unusable.why);
        let mut message = of_files.clone();
        // Only a start can make one, so it is kept even where it cannot be shown yet.
        if instead == Instead::SelfSigned
            || self.tls.certificate.value == CertificateSource::SelfSigned
        {
            match (means.self_signed)() {
                Ok(made) => self.shown.set(made),
                Err(error) => {
                    let why = unusable.why.as_str();
                    message = format!("{why}: handshakes fail, no self-signed one: {error}");
                }
            }
        }
        if instead != Instead::Closed
            && let Err(error) = self.make_policy(Clients::Anonymous)
        {
            message = format!("{}: the vhost is closed ({error})", unusable.why);
        }
        let now_ms = (self.now_ms)();
        *self.retries.lock().unwrap_or_else(PoisonError::into_inner) = Retries {
            expected: instead == Instead::Nothing,
            retry_at_ms: now_ms + RETRY_MS,
            warn_at_ms: now_ms + WARN_MS,
        };
        self.troubled.store(true, Ordering::Relaxed);
        let is_of_files = message == of_files;
        Some(Trouble { fault: Fault { place: unusable.place, message }, is_of_files })
    }

    /// Tries to end the trouble, not too often.
    fn retry(&self, keeper: Option<&Keeper>) {
        let now_ms = (self.now_ms)();
        let Ok(mut retries) = self.retries.try_lock() else { return };
        if now_ms < retries.retry_at_ms {
            return;
        }
        retries.retry_at_ms = now_ms + RETRY_MS;
        let mut made_at_start = || self.shown.certified().ok_or_else(|| NOT_MADE.to_owned());
        let unusable = match self.take_own(&mut made_at_start, Source::Disk(keeper)) {
            Ok(None) => {
                self.troubled.store(false, Ordering::Relaxed);
                log::notice(format_args!("vhost {} shows its own certificate now", self.name));
                return;
            }
            Ok(Some(unusable)) | Err(unusable) => unusable,
        };
        if now_ms >= retries.warn_at_ms && !retries.expected {
            retries.warn_at_ms = now_ms + WARN_MS;
            let restart = match unusable.kind {
                Some(ErrorKind::PermissionDenied) => " (what only root may read takes a restart)",
                _ => "",
            };
            log::error(format_args!(
                "vhost {}: {}: {}{restart}",
                self.name,
                unusable.why,
                unusable.instead(&self.tls)
            ));
        }
    }

    /// Takes what the configuration names; what is left to wish for where it can be shown all the
    /// same.
    fn take_own(
        &self,
        self_signed: &mut dyn FnMut() -> Result<Certified, String>,
        source: Source<'_>,
    ) -> Result<Option<Unusable>, Unusable> {
        let is_open = self.tls.client_cert_required.is_none();
        let (roots, lacking) = match certificate_files::roots(&self.tls, source) {
            Ok(roots) => (roots, None),
            // Without client certificates it only completes the chain.
            Err(unusable) if is_open => (None, Some(unusable)),
            Err(unusable) => return Err(unusable),
        };
        let unusable = |why: String| Unusable::new(self.tls.certificate.place, why);
        let certified = match certificate_files::identity(&self.tls, roots.as_ref(), source)? {
            None => self_signed().map_err(unusable)?,
            Some(identity) => identity.certified(),
        };
        let clients = match (self.tls.client_cert_required, roots) {
            (None, _) => Clients::Anonymous,
            (Some(_), Some(roots)) => Clients::Certified(roots),
            (Some(place), None) => return Err(Unusable::no_ca(place)),
        };
        // In this order, so that no handshake finds nothing to show.
        self.shown.set(certified);
        self.make_policy(clients).map_err(unusable)?;
        Ok(lacking)
    }

    fn make_policy(&self, clients: Clients) -> Result<(), String> {
        if self.policy.get().is_some() {
            return Ok(());
        }
        let tls = &self.tls;
        let terms = Terms {
            tls12_suites: tls.tls12_suites.clone(),
            tls13_suites: tls.tls13_suites.clone(),
            groups: tls.groups.clone(),
            tls12: tls.tls12,
            tls13: tls.tls13,
            server_order: tls.server_order,
            alpn: tls.alpn.iter().map(|name| name.clone().into_bytes()).collect(),
            clients,
            fast_aes: cpu::has_fast_aes(),
        };
        let tickets = self.tickets.clone().filter(|_| tls.tickets).map(|secret| {
            Tickets::new(secret, terms.ticket_identity(&self.name), self.now_ms) as Arc<_>
        });
        let policy = Policy::new(&terms, self.shown.clone(), tickets, Some(self.now_secs));
        // Another reactor may have been faster; both are the same.
        let _ = self.policy.set(policy.map_err(|fault| fault.to_string())?);
        Ok(())
    }
}

#[cfg(test)]
#[path = "certificates_tests.rs"]
mod tests;
