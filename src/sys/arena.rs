//! A fixed arena of values: lowest place first, pages of the upper end given back.
//!
//! The places are allocated once and touched only when they are used. Whether a place is taken
//! is kept in a bitmap outside of them, so that their pages can be dropped by the kernel.

use std::mem::MaybeUninit;

/// At most `capacity` values of `T`, addressed by their place.
#[derive(Debug)]
pub struct Arena<T> {
    places: Box<[MaybeUninit<T>]>,
    /// One bit a place, set when it is taken.
    taken: Box<[u64]>,
    len: usize,
    /// No word of `taken` below this one has a free bit.
    first_word: usize,
    /// One past the highest place used since the last [`Arena::trim`].
    touched: usize,
}

impl<T> Arena<T> {
    /// Allocates `capacity` places.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            places: Box::new_uninit_slice(capacity),
            taken: vec![0; capacity.div_ceil(64)].into_boxed_slice(),
            len: 0,
            first_word: 0,
            touched: 0,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of places.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.len()
    }

    /// Puts `value` into the lowest free place.
    ///
    /// # Errors
    /// Gives the value back when every place is taken.
    pub fn insert(&mut self, value: T) -> Result<usize, T> {
        if self.len == self.capacity() {
            return Err(value);
        }
        while self.taken[self.first_word] == u64::MAX {
            self.first_word += 1;
        }
        let bit = self.taken[self.first_word].trailing_ones() as usize;
        let place = self.first_word * 64 + bit;
        self.taken[self.first_word] |= 1 << bit;
        self.places[place].write(value);
        self.len += 1;
        self.touched = self.touched.max(place + 1);
        Ok(place)
    }

    /// Whether `place` holds a value.
    #[must_use]
    pub fn contains(&self, place: usize) -> bool {
        self.taken.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// The value at `place`.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        if !self.contains(place) {
            return None;
        }
        // SAFETY: the bitmap says that `insert` wrote this place and `remove` did not take it.
        Some(unsafe { self.places[place].assume_init_ref() })
    }

    /// The value at `place`, to be changed.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        if !self.contains(place) {
            return None;
        }
        // SAFETY: as in `get`.
        Some(unsafe { self.places[place].assume_init_mut() })
    }

    /// Takes the value out of `place`.
    pub fn remove(&mut self, place: usize) -> Option<T> {
        if !self.contains(place) {
            return None;
        }
        self.taken[place / 64] &= !(1 << (place % 64));
        self.first_word = self.first_word.min(place / 64);
        self.len -= 1;
        // SAFETY: the bit was set, so the place is initialised; it is cleared now, so that the
        // value is not read a second time.
        Some(unsafe { self.places[place].assume_init_read() })
    }

    /// Places that hold a value, in ascending order.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.touched).filter(|&place| self.contains(place))
    }

    /// Gives the pages that hold no value back to the system.
    pub fn trim(&mut self) {
        let mut place = 0;
        while place < self.touched {
            let free = (place..self.touched).take_while(|&p| !self.contains(p)).count();
            if free > 0 {
                let unused = &mut self.places[place..place + free];
                // SAFETY: these places hold no value, so any bytes will do there.
                unsafe {
                    super::pages::give_back_raw(unused.as_mut_ptr().cast(), size_of_val(unused));
                }
            }
            if place + free == self.touched {
                self.touched = place;
            }
            place += free + 1;
        }
    }
}

impl<T> Drop for Arena<T> {
    fn drop(&mut self) {
        for place in 0..self.touched {
            drop(self.remove(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn the_lowest_free_place_is_taken_first() {
        let mut arena = Arena::new(130);
        for n in 0..130 {
            assert_eq!(arena.insert(n), Ok(n));
        }
        assert_eq!(arena.insert(7), Err(7));
        assert_eq!(arena.remove(100), Some(100));
        assert_eq!(arena.remove(3), Some(3));
        assert_eq!(arena.remove(3), None);
        assert_eq!(arena.insert(1), Ok(3));
        assert_eq!(arena.insert(2), Ok(100));
        assert_eq!(arena.len(), 130);
        assert_eq!(arena.get(100), Some(&2));
        assert_eq!(arena.get(130), None);
    }

    #[test]
    fn values_are_dropped_once() {
        let value = Rc::new(());
        let mut arena = Arena::new(10);
        for _ in 0..10 {
            arena.insert(Rc::clone(&value)).unwrap();
        }
        drop(arena.remove(4));
        assert_eq!(Rc::strong_count(&value), 10);
        drop(arena);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    #[test]
    fn trimmed_places_can_be_used_again() {
        let mut arena: Arena<[u8; 512]> = Arena::new(1000);
        for n in 0..1000 {
            arena.insert([n as u8; 512]).unwrap();
        }
        for place in 20..1000 {
            arena.remove(place).unwrap();
        }
        // One far up keeps its page and nothing else.
        assert_eq!(arena.insert([5; 512]), Ok(20));
        arena.remove(20).unwrap();
        arena.trim();
        assert!((0..20).all(|p| arena.get(p) == Some(&[p as u8; 512])));
        assert_eq!(arena.insert([9; 512]), Ok(20));
        assert_eq!(arena.get(20), Some(&[9; 512]));
        assert_eq!(arena.places().count(), 21);
    }
}
