//! What epoll carries: which lane of which tenant of which slot.

use crate::buf::LaneId;

/// Most slots that a reactor can have; the numbers above belong to listeners and watches.
pub const SLOTS_MAX: usize = 64_000;

/// Most listeners.
pub(super) const LISTENERS_MAX: usize = 1_000;

const LISTENER_FIRST: usize = SLOTS_MAX;
const WATCH_FIRST: usize = LISTENER_FIRST + LISTENERS_MAX;
const GENERATION_BITS: usize = 14;

/// A generation is this many bits; it moves with every tenant of a slot.
pub(super) const GENERATION_MASK: u16 = (1 << GENERATION_BITS) - 1;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A lane of a slot, if the slot still has this generation.
    Slot {
        /// The slot.
        slot: u16,
        /// The tenant.
        generation: u16,
        /// The descriptor.
        lane: LaneId,
    },
    /// A listener by its number.
    Listener(u16),
    /// A descriptor that the reactor's local state watches.
    Watch(u16),
    /// Notes were left in the mailbox.
    Mailbox,
}

impl Token {
    /// Packs the token into 32 bits.
    pub(super) fn pack(self) -> mio::Token {
        let (number, generation, lane) = match self {
            Self::Slot { slot, generation, lane } => {
                (usize::from(slot), usize::from(generation & GENERATION_MASK), lane as usize)
            }
            Self::Listener(n) => (LISTENER_FIRST + usize::from(n), 0, 0),
            Self::Watch(n) => (WATCH_FIRST + usize::from(n), 0, 0),
            Self::Mailbox => (usize::from(u16::MAX), 0, 0),
        };
        mio::Token((number << 16) | (generation << 2) | lane)
    }

    /// The reverse of [`Token::pack`].
    pub(super) fn unpack(token: mio::Token) -> Self {
        let number = token.0 >> 16;
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        if number < LISTENER_FIRST {
            let lane = LaneId::ALL[token.0 & 3];
            let generation = small((token.0 >> 2) & usize::from(GENERATION_MASK));
            Self::Slot { slot: small(number), generation, lane }
        } else if number < WATCH_FIRST {
            Self::Listener(small(number - LISTENER_FIRST))
        } else if number == usize::from(u16::MAX) {
            Self::Mailbox
        } else {
            Self::Watch(small(number - WATCH_FIRST))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_packing() {
        for token in [
            Token::Slot { slot: 0, generation: 0, lane: LaneId::Client },
            Token::Slot { slot: 63_999, generation: GENERATION_MASK, lane: LaneId::PeerErr },
            Token::Listener(0),
            Token::Listener(999),
            Token::Watch(3),
            Token::Mailbox,
        ] {
            let packed = token.pack();
            assert!(u32::try_from(packed.0).is_ok());
            assert_eq!(Token::unpack(packed), token);
        }
    }
}
