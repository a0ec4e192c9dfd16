//! A reactor's own side of its mailbox: taking letters, room for connections, and rest.

use std::sync::atomic::Ordering::Relaxed;

use super::command::{Command, Ending};
use super::mailbox::{Arrival, Berth, Letter, Post};

/// See the module's page. When it is dropped nobody can write to the reactor any more.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) post: Post,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inbox {
    pub(super) const fn new(post: Post) -> Self {
        Self { post }
    }

    fn own(&self) -> Option<&Berth> {
        self.post.fleet.berths.get(usize::from(self.post.own()))
    }

    fn others(&self) -> impl Iterator<Item = (u16, &Berth)> {
        let own = self.post.own();
        (0..).zip(&self.post.fleet.berths).filter(move |(number, _)| *number != own)
    }

    /// Whether there is no other reactor.
    pub(super) fn is_alone(&self) -> bool {
        self.post.fleet.berths.len() == 1
    }

    /// The next letter that is no connection.
    pub(super) fn take(&self) -> Option<Letter> {
        let mut kept = self.own()?.lock();
        let ending = kept.ending.take().map(|ending| Letter::Command(Command::from(ending)));
        ending.or_else(|| kept.letters.pop_front())
    }

    /// The next connection.
    pub(super) fn take_arrival(&self) -> Option<Arrival> {
        self.own()?.lock().arrivals.pop_front()
    }

    /// Tells all other reactors.
    pub(super) fn tell_others(&self, ending: Ending) {
        for (_, berth) in self.others() {
            berth.lock().put_ending(ending);
            berth.wake();
        }
    }

    /// Says how many slots are free, and wakes who waits for that.
    pub(super) fn publish(&self, free: usize, slots: usize) {
        let Some(own) = self.own() else { return };
        own.free.0.store(u32::try_from(free).unwrap_or(u32::MAX), Relaxed);
        if self.post.fleet.paused.load(Relaxed) > 0 && is_roomy(free, slots) {
            for (_, berth) in self.others() {
                if self.unpause(berth) {
                    berth.wake();
                }
            }
        }
    }

    /// Gives a connection to the reactor with most free slots.
    ///
    /// # Errors
    /// The connection, when no other reactor has any, or all of them have seen it.
    pub(super) fn pass_to_room(&self, arrival: Arrival) -> Result<(), Arrival> {
        let free = |(number, berth): (u16, &Berth)| (berth.free.0.load(Relaxed), number);
        match self.others().map(free).max() {
            Some((1.., number)) => self.pass_to(number, arrival),
            _ => Err(arrival),
        }
    }

    /// Whether another reactor has a free slot.
    pub(super) fn has_room_elsewhere(&self) -> bool {
        self.others().any(|(_, berth)| berth.free.0.load(Relaxed) > 0)
    }

    /// Gives a connection to the next reactor in the ring that accepts: it may have somebody to
    /// evict.
    ///
    /// # Errors
    /// The connection, when there is none, or all of them have seen it.
    pub(super) fn pass_on(&self, arrival: Arrival) -> Result<(), Arrival> {
        let mut next = self.post.after(self.post.own());
        while next != self.post.own() {
            let berth = self.post.fleet.berths.get(usize::from(next));
            if berth.is_some_and(|berth| !berth.paused.load(Relaxed)) {
                return self.pass_to(next, arrival);
            }
            next = self.post.after(next);
        }
        Err(arrival)
    }

    fn pass_to(&self, reactor: u16, arrival: Arrival) -> Result<(), Arrival> {
        if arrival.hops >= self.post.reactors() {
            return Err(arrival);
        }
        let hops = arrival.hops + 1;
        match self.post.to(reactor, Letter::Connection(Arrival { hops, ..arrival })) {
            Err(Letter::Connection(arrival)) => Err(arrival),
            _ => Ok(()),
        }
    }

    /// Asks to be woken when another reactor has room.
    pub(super) fn pause(&self) {
        if self.own().is_some_and(|own| !own.paused.swap(true, Relaxed)) {
            self.post.fleet.paused.fetch_add(1, Relaxed);
        }
    }

    /// Whether nobody has said since then that there is room.
    pub(super) fn is_paused(&self) -> bool {
        self.own().is_some_and(|own| own.paused.load(Relaxed))
    }

    /// Asks for that no more.
    pub(super) fn resume(&self) {
        if let Some(own) = self.own() {
            self.unpause(own);
        }
    }

    fn unpause(&self, berth: &Berth) -> bool {
        let was_paused = berth.paused.swap(false, Relaxed);
        if was_paused {
            self.post.fleet.paused.fetch_sub(1, Relaxed);
        }
        was_paused
    }

    /// The reactor has nothing left to do, as long as nobody writes to it; whether all of them
    /// have nothing left to do.
    pub(super) fn rest(&self) -> bool {
        let working = &self.post.fleet.working;
        let Some(own) = self.own() else { return true };
        let mut kept = own.lock();
        if !kept.letters.is_empty() || !kept.arrivals.is_empty() {
            return false;
        }
        if !std::mem::replace(&mut kept.rests, true) && working.fetch_sub(1, Relaxed) == 1 {
            drop(kept);
            self.others().for_each(|(_, berth)| berth.wake());
            return true;
        }
        working.load(Relaxed) == 0
    }

    /// The reactor has something to do again.
    pub(super) fn work(&self) {
        let Some(own) = self.own() else { return };
        if std::mem::replace(&mut own.lock().rests, false) {
            self.post.fleet.working.fetch_add(1, Relaxed);
        }
    }

    /// Takes no more letters, and closes the connections that wait in the mailbox.
    pub(super) fn close(&self) {
        self.resume();
        let Some(own) = self.own() else { return };
        own.free.0.store(0, Relaxed);
        let mut kept = own.lock();
        kept.closed = true;
        let left = (std::mem::take(&mut kept.letters), std::mem::take(&mut kept.arrivals));
        // The others do not wait for a reactor that is no more.
        if !std::mem::replace(&mut kept.rests, true)
            && self.post.fleet.working.fetch_sub(1, Relaxed) == 1
        {
            self.others().for_each(|(_, berth)| berth.wake());
        }
        drop(kept);
        drop(left);
    }
}

/// Below nine tenths, so that a full server does not pause at every connection.
pub(super) const fn is_roomy(free: usize, slots: usize) -> bool {
    free * 10 > slots
}
