//! Repeatable randomness: a stream of numbers is a function of the seed and of what it is drawn for, so that any
//! account can be drawn again, alone and in any order.

/// What a stream is drawn for. Streams of one account do not disturb each other: a new question in one leaves the
/// answers of the others as they were.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Profile = 1,
    Subscription,
    Usage,
    Settlement,
    Mistake,
    Exchange,
}

/// SplitMix64: small, fast, and good enough to invent customers with.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64, stream: Stream, account: u32, ordinal: u32) -> Random {
        let key = (stream as u64) << 56 ^ u64::from(account) << 24 ^ u64::from(ordinal);
        Random(scramble(seed) ^ scramble(key.wrapping_add(GOLDEN)))
    }

    /// `0..bound`; 0 for an empty range.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(GOLDEN);
        ((u64::from(bound) * (scramble(self.0) >> 32)) >> 32) as u32
    }

    /// Both ends included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below(high.abs_diff(low) + 1) as i32
    }

    pub fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// # Panics
    /// If there is nothing to pick.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }

    /// Picks by weight; the weights need no particular sum.
    ///
    /// # Panics
    /// If there is nothing to pick.
    pub fn weighted<'a, T>(&mut self, from: &'a [T], weight: impl Fn(&T) -> u32) -> &'a T {
        let mut left = self.below(from.iter().map(&weight).sum());
        let chosen = from.iter().position(|each| {
            let weight = weight(each);
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        &from[chosen.unwrap_or(0)]
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One to one: different numbers stay different. Also what makes ids look like ids.
pub fn scramble(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
