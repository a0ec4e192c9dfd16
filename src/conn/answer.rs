//! From a request head to an answer: vhost, gate, mount, and who answers there.

use super::files;
use super::limits::RETRY_AFTER;
use super::local::Local;
use super::reply::Reply;
use super::security::Security;
use super::site::Site;
use super::source::Source;
use crate::buf::{Buf, Full, Tail};
use crate::config::settings::NonTls;
use crate::http::basic;
use crate::http::fields::Field;
use crate::http::framing::Framing;
use crate::http::head::Head;
use crate::http::method::Method;
use crate::http::status::Status;
use crate::http::target::Form;
use crate::http::uri;
use crate::origin::credentials::Entry;
use crate::origin::listing::Job;
use crate::origin::{gate, redirect};
use crate::reactor::ClientSocket;
use crate::sys::peer::PeerAddr;
use crate::vhost::VhostId;
use crate::vhost::{AuthId, ListenerId, Mount, MountId, MountMatch, MountTarget, Redirect, Vhost};

/// A request and what is known about how it came.
pub(super) struct Request<'a> {
    pub(super) site: &'static Site,
    pub(super) head: &'a Head<'a>,
    pub(super) listener: ListenerId,
    pub(super) security: &'a Security,
    pub(super) peer: PeerAddr,
    pub(super) client: ClientSocket,
    pub(super) now_ms: u64,
    /// The server is stopping.
    pub(super) draining: bool,
    pub(super) slot: u16,
    /// What came of the password that this request was held for.
    pub(super) granted: Option<bool>,
    /// All of the body was read.
    pub(super) body_read: bool,
    /// What was read of it, framing included.
    pub(super) body_bytes: u64,
}

impl<'a> Request<'a> {
    /// How the request came.
    fn reached(&self) -> redirect::Reached<'a> {
        let host = self.head.host;
        redirect::Reached {
            https: self.security.is_secure(),
            host: host.map(|host| host.name),
            host_port: host.and_then(|host| host.port),
            local: self.client.local_addr(),
        }
    }
}

/// What a request comes to.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: Status,
    pub(super) source: Source,
    pub(super) keep_alive: bool,
    pub(super) vhost: &'static Vhost,
    pub(super) keepalive_ms: u64,
    /// Bytes of the answer's head.
    pub(super) head_bytes: u32,
}

/// Why a request is not answered yet. Nothing was written.
#[derive(Debug)]
pub(super) enum Hold {
    /// The answer does not fit into the queue.
    Full,
    /// A password is being checked under this serial number.
    Checking(u64),
    /// There is more to do for a listing, when others have had their turn.
    Listing(Box<Job>),
}

impl From<Full> for Hold {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// Everything that an answer is made with.
pub(super) struct Desk<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) local: &'a mut Local,
    pub(super) tx: &'a mut Buf,
    pub(super) tail: &'a mut Tail,
    pub(super) vhost_id: VhostId,
    pub(super) vhost: &'static Vhost,
    pub(super) mount: Option<(MountId, &'static Mount)>,
    pub(super) keep_alive: bool,
    /// The page of `error-document-404` is being served.
    pub(super) is_lost: bool,
    /// What was done so far for the listing that is asked for.
    pub(super) listing: Option<Box<Job>>,
    /// Bytes of the answer's head, once it is written.
    pub(super) head_bytes: u32,
}

/// Status and source, or why not yet.
pub(super) type Outcome = Result<(Status, Source), Hold>;

/// Answers a request into `tx` and `tail`; `listing` is what was held for it.
pub(super) fn answer(
    request: &Request<'_>,
    local: &mut Local,
    tx: &mut Buf,
    tail: &mut Tail,
    listing: Option<Box<Job>>,
) -> Result<Answered, Hold> {
    let world = &request.site.world;
    let host = request.head.host.map_or(&b""[..], |host| host.name);
    let reached = match request.security.hello_vhost() {
        None => Ok(world.vhost(request.listener, host)),
        Some(hello) => world.vhost_behind(request.listener, hello, host),
    };
    let is_misdirected = reached.is_err();
    let (vhost_id, vhost) = reached.unwrap_or_else(|hello| hello);
    let keep_alive = request.head.keep_alive
        && !request.draining
        && vhost.keepalive_timeout_ms > 0
        && request.body_read;
    let mut desk = Desk {
        request,
        local,
        tx,
        tail,
        vhost_id,
        vhost,
        mount: None,
        keep_alive,
        is_lost: false,
        listing,
        head_bytes: 0,
    };
    let (status, source) = match request.security.objection(vhost) {
        _ if is_misdirected => desk.error(Status::MISDIRECTED_REQUEST)?,
        Some(NonTls::Redirect) => desk.redirect_to_https()?,
        Some(_) => desk.refuse_clear()?,
        None => desk.route()?,
    };
    let own_ms = desk.mount.and_then(|(_, mount)| mount.keepalive_timeout_ms);
    let keepalive_ms = own_ms.unwrap_or(vhost.keepalive_timeout_ms);
    let Desk { keep_alive, head_bytes, .. } = desk;
    Ok(Answered { status, source, keep_alive, vhost, keepalive_ms, head_bytes })
}

impl Desk<'_> {
    /// Writes with the fields of the vhost or the mount.
    pub(super) fn reply(&mut self) -> Reply<'_> {
        Reply {
            tx: self.tx,
            date: &self.local.date,
            page: &mut self.local.page,
            header_block: self.vhost.header_block(self.mount.map(|(_, mount)| mount)),
            version: self.request.head.version,
            keep_alive: self.keep_alive,
            head_only: self.request.head.method == Method::Head,
            head_bytes: &mut self.head_bytes,
        }
    }

    pub(super) fn error(&mut self, status: Status) -> Outcome {
        self.reply().error(status, |_| {})?;
        Ok((status, Source::Done))
    }

    /// An error after which the connection is not kept.
    fn last_error(&mut self, status: Status) -> Outcome {
        self.keep_alive = false;
        self.error(status)
    }

    /// 503, and when to come again.
    pub(super) fn busy(&mut self) -> Outcome {
        let status = Status::SERVICE_UNAVAILABLE;
        self.reply().error(status, |head| {
            head.field("Retry-After", RETRY_AFTER);
        })?;
        Ok((status, Source::Done))
    }

    /// Plain HTTP where TLS is spoken.
    fn refuse_clear(&mut self) -> Outcome {
        let status = Status::BAD_REQUEST;
        self.keep_alive = false;
        self.reply().error_saying(status, "This port speaks TLS. Ask again with https://.")?;
        Ok((status, Source::Done))
    }

    /// The same with TLS.
    fn redirect_to_https(&mut self) -> Outcome {
        let target = self.request.head.target;
        self.keep_alive = false;
        let reached = redirect::Reached { https: true, ..self.request.reached() };
        self.local.location.clear();
        let location = &mut self.local.location;
        let written = redirect::write_https_location(location, self.vhost, &reached, &target);
        self.redirected(written)
    }

    fn route(&mut self) -> Outcome {
        let head = self.request.head;
        if let Some(refused) = self.refuse_client()? {
            return Ok(refused);
        }
        match head.method {
            Method::Other => return self.error(Status::NOT_IMPLEMENTED),
            Method::Connect | Method::Trace => return self.not_allowed(gate::FILE_METHODS),
            Method::Options if head.target.form == Form::Asterisk => {
                return self.options(gate::FILE_METHODS);
            }
            _ => {}
        }
        // The path leaves its scratch for as long as it is looked at.
        let mut scratch = std::mem::take(&mut self.local.path);
        let outcome = match uri::normalise(head.target.path, &mut scratch) {
            Ok(path) => self.route_path(path),
            Err(uri::UriError::TooLong) => self.error(Status::URI_TOO_LONG),
            Err(_) => self.error(Status::BAD_REQUEST),
        };
        self.local.path = scratch;
        outcome
    }

    /// What stands against this client, whatever it asks for.
    fn refuse_client(&mut self) -> Result<Option<(Status, Source)>, Hold> {
        let (peer, site) = (self.request.peer.ip(), self.request.site);
        if self.local.peers.requests.is_at_limit(peer) {
            return self.busy().map(Some);
        }
        if !self.vhost.addresses.permits(peer) {
            return self.error(Status::FORBIDDEN).map(Some);
        }
        if site.world.keywords.is_empty() {
            return Ok(None);
        }
        let agent = self.request.head.fields.get(Field::UserAgent).unwrap_or_default();
        let Some(keyword) = site.world.keywords.find(agent) else { return Ok(None) };
        self.keep_alive = false;
        let status = Status::from_code(keyword.status).unwrap_or(Status::FORBIDDEN);
        self.reply().rejection(status, &keyword.text)?;
        Ok(Some((status, Source::Done)))
    }

    fn route_path(&mut self, path: &[u8]) -> Outcome {
        let vhost = self.vhost;
        let Some(MountMatch { id, mount, rest }) = vhost.mount(path) else {
            return self.not_found(path);
        };
        self.mount = Some((id, mount));
        if !mount.addresses.permits(self.request.peer.ip()) {
            return self.error(Status::FORBIDDEN);
        }
        match &mount.target {
            // Both ahead of the password, as with lwsws.
            MountTarget::Redirect(redirect) => return self.redirect(redirect, rest),
            MountTarget::File(_) if rest.is_empty() && !mount.exact_match => {
                return self.add_slash(path);
            }
            _ => {}
        }
        if let Some(auth) = mount.auth
            && let Some(refused) = self.authenticate(auth)?
        {
            return Ok(refused);
        }
        let limit = mount.body_bytes_max;
        let long = match self.request.head.framing {
            Framing::Length(bytes) => bytes > limit,
            Framing::Chunked => self.request.body_bytes > limit,
            Framing::None => false,
        };
        if limit > 0 && long {
            return self.last_error(Status::CONTENT_TOO_LARGE);
        }
        match &mount.target {
            MountTarget::File(_) => self.file(path, MountMatch { id, mount, rest }),
            _ => self.error(Status::NOT_IMPLEMENTED),
        }
    }

    fn file(&mut self, path: &[u8], at: MountMatch<'static, '_>) -> Outcome {
        match self.request.head.method {
            Method::Get | Method::Head => files::serve(self, path, at),
            Method::Options => self.options(gate::FILE_METHODS),
            _ => self.not_allowed(gate::FILE_METHODS),
        }
    }

    fn options(&mut self, allow: &str) -> Outcome {
        let status = Status::NO_CONTENT;
        self.reply().empty(status, |head| {
            head.field("Allow", allow.as_bytes());
        })?;
        Ok((status, Source::Done))
    }

    fn not_allowed(&mut self, allow: &str) -> Outcome {
        let status = Status::METHOD_NOT_ALLOWED;
        self.reply().error(status, |head| {
            head.field("Allow", allow.as_bytes());
        })?;
        Ok((status, Source::Done))
    }

    fn redirect(&mut self, redirect: &Redirect, rest: &[u8]) -> Outcome {
        let query = self.request.head.target.query;
        self.local.location.clear();
        let written =
            redirect::write_mount_location(&mut self.local.location, redirect, rest, query);
        self.redirected(written)
    }

    /// Leads to the same path with a slash at its end.
    pub(super) fn add_slash(&mut self, path: &[u8]) -> Outcome {
        let head = self.request.head;
        let reached = self.request.reached();
        self.local.location.clear();
        let location = &mut self.local.location;
        let written =
            redirect::write_slash_location(location, self.vhost, &reached, path, head.target.query);
        self.redirected(written)
    }

    fn redirected(&mut self, written: Result<(), Full>) -> Outcome {
        if written.is_err() {
            return self.error(Status::URI_TOO_LONG);
        }
        let status = redirect::status(self.request.head.method);
        let location = std::mem::replace(&mut self.local.location, Buf::with_capacity(0));
        let done = self.reply().empty(status, |head| {
            head.field("Location", location.filled());
        });
        self.local.location = location;
        done?;
        Ok((status, Source::Done))
    }

    /// Asks for a name and a password; none when the right ones were given.
    fn authenticate(&mut self, auth: AuthId) -> Result<Option<(Status, Source)>, Hold> {
        self.local.refresh_auth(usize::from(auth.0), self.request.now_ms);
        let entry = self.check_credentials(auth);
        match entry {
            Entry::Granted => Ok(None),
            Entry::Slow(job) if self.request.granted != Some(false) => {
                self.local.serial += 1;
                let serial = self.local.serial;
                let ticket = serial << 16 | u64::from(self.request.slot);
                match self.local.verifier.submit(job, ticket, self.request.peer.sharer()) {
                    Ok(()) => Err(Hold::Checking(serial)),
                    Err(_) => self.busy().map(Some),
                }
            }
            Entry::Slow(_) | Entry::Denied => {
                let status = Status::UNAUTHORIZED;
                self.local.user_bytes = None;
                let challenge = self.mount.map_or("Basic", |(_, mount)| &*mount.challenge);
                self.reply().error(status, |head| {
                    head.field("WWW-Authenticate", challenge.as_bytes());
                })?;
                Ok(Some((status, Source::Done)))
            }
        }
    }

    fn check_credentials(&mut self, auth: AuthId) -> Entry {
        let Local { auth: files, pair, user_bytes, .. } = &mut *self.local;
        let Some(credentials) = files.get_mut(usize::from(auth.0)) else { return Entry::Denied };
        let value = self.request.head.fields.get(Field::Authorization).unwrap_or_default();
        let Some(given) = basic::decode(value, &mut **pair) else { return Entry::Denied };
        let (user, password) = (given.user.len(), given.password.len());
        *user_bytes = Some(user);
        credentials.check(pair.get(..user + 1 + password).unwrap_or_default(), self.request.now_ms)
    }
}
