//! Exact products of decimals, and what rounding takes from them.
//!
//! Decimals come and go as canonical text. Multiplying needs numbers: of some limbs of nine digits each, all on the stack.
//! Rounding is done on the digits of the product.

/// What a limb holds less than: two of them multiplied, and more, fit 64 bits.
const BASE: u64 = 1_000_000_000;
const LIMB_DIGITS: usize = 9;

/// Enough for what the data may have: 38 digits before the point and 38 behind it.
const LIMBS: usize = 9;

/// A number, ± limbs / 10^scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    negative: bool,
    /// The least first; those from `length` on are 0.
    limbs: [u64; LIMBS],
    length: usize,
    scale: usize,
}

impl Decimal {
    pub(super) const ONE: Decimal =
        Decimal { negative: false, limbs: [1, 0, 0, 0, 0, 0, 0, 0, 0], length: 1, scale: 0 };

    /// Reads `-0.5`, `15`. `None` if the text is no plain decimal, or has more digits than any of the data.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let point = digits.find('.');
        let scale = point.map_or(0, |point| digits.len() - point - 1);
        let mut decimal = Decimal { negative, limbs: [0; LIMBS], length: 0, scale };
        for (at, digit) in digits.bytes().enumerate() {
            match digit {
                b'0'..=b'9' => decimal.push(digit - b'0')?,
                _ if Some(at) == point => {}
                _ => return None,
            }
        }
        Some(decimal)
    }

    /// Writes a digit behind the others.
    fn push(&mut self, digit: u8) -> Option<()> {
        let mut carry = u64::from(digit);
        for limb in &mut self.limbs[..self.length] {
            let value = *limb * 10 + carry;
            (*limb, carry) = (value % BASE, value / BASE);
        }
        if carry > 0 {
            *self.limbs.get_mut(self.length)? = carry;
            self.length += 1;
        }
        Some(())
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        let mut decimal = Decimal { negative: value < 0, limbs: [0; LIMBS], length: 0, scale: 0 };
        let mut rest = value.unsigned_abs();
        while rest > 0 {
            (decimal.limbs[decimal.length], rest) = (rest % BASE, rest / BASE);
            decimal.length += 1;
        }
        decimal
    }
}

/// Products, one after another, in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Product {
    digits: Vec<u8>,
    /// Rounded half up: to the next one, a half away from zero.
    pub(super) rounded: String,
    /// The exact product less the rounded one.
    pub(super) rounding: String,
}

impl Product {
    /// Multiplies and rounds to so many decimals.
    pub(super) fn multiply(&mut self, left: &Decimal, right: &Decimal, decimals: usize) {
        let negative = left.negative != right.negative;
        let scale = left.scale + right.scale;
        self.write_digits(left, right, scale);
        let dropped = scale.saturating_sub(decimals);
        let kept = self.digits.len() - dropped;
        let (kept, rest) = self.digits.split_at_mut(kept);
        let is_up = rest.first().is_some_and(|digit| *digit >= b'5');
        if is_up {
            increment(kept);
            complement(rest);
        }
        write(&mut self.rounded, negative, kept, scale - dropped);
        write(&mut self.rounding, negative != is_up, rest, scale);
    }

    /// The digits of the product, more than `scale` of them, and the first of them 0: rounding up has somewhere to go.
    fn write_digits(&mut self, left: &Decimal, right: &Decimal, scale: usize) {
        let mut limbs = [0; 2 * LIMBS];
        for (shift, right) in right.limbs[..right.length].iter().enumerate() {
            let mut carry = 0;
            for (limb, left) in limbs[shift..].iter_mut().zip(&left.limbs[..left.length]) {
                let value = *limb + left * right + carry;
                (*limb, carry) = (value % BASE, value / BASE);
            }
            // It has not been written to yet.
            limbs[shift + left.length] = carry;
        }
        let limbs = &limbs[..left.length + right.length];
        let length = limbs.len() * LIMB_DIGITS;
        self.digits.clear();
        self.digits.resize((scale + 2).saturating_sub(length).max(1), b'0');
        for limb in limbs.iter().rev() {
            let mut digits = [b'0'; LIMB_DIGITS];
            let mut rest = *limb;
            for digit in digits.iter_mut().rev() {
                // Less than ten.
                *digit += (rest % 10) as u8;
                rest /= 10;
            }
            self.digits.extend_from_slice(&digits);
        }
    }
}

/// One more. There is a digit that is not 9.
fn increment(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

/// What is missing to 1 followed by as many zeros. The digits are not all 0.
fn complement(digits: &mut [u8]) {
    let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or_default();
    for (at, digit) in digits[..=last].iter_mut().enumerate() {
        let ten = if at == last { 10 } else { 9 };
        *digit = b'0' + ten - (*digit - b'0');
    }
}

/// Writes digits as a canonical decimal that has its last `scale` digits behind the point: these may be more than there are.
fn write(text: &mut String, negative: bool, digits: &[u8], scale: usize) {
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    let whole = &whole[whole.iter().take_while(|digit| **digit == b'0').count()..];
    let fraction_end = fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    let missing = scale - fraction.len();
    let fraction = &fraction[..fraction_end];
    text.clear();
    if whole.is_empty() && fraction.is_empty() {
        text.push('0');
        return;
    }
    if negative {
        text.push('-');
    }
    text.extend(if whole.is_empty() { b"0" } else { whole }.iter().map(|digit| char::from(*digit)));
    if !fraction.is_empty() {
        text.push('.');
        text.extend(std::iter::repeat_n('0', missing));
        text.extend(fraction.iter().map(|digit| char::from(*digit)));
    }
}

#[cfg(test)]
mod tests {
    use bigdecimal::{BigDecimal, RoundingMode, Zero as _};
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    use super::{Decimal, Product};

    fn product(left: &str, right: &str, decimals: usize) -> (String, String) {
        let mut product = Product::default();
        product.multiply(&Decimal::parse(left).unwrap(), &Decimal::parse(right).unwrap(), decimals);
        (product.rounded, product.rounding)
    }

    #[test]
    fn a_half_goes_away_from_zero_and_the_difference_is_told() {
        for (left, right, decimals, rounded, rounding) in [
            ("903.23", "1.5", 2, "1354.85", "-0.005"),
            ("-903.23", "1.5", 2, "-1354.85", "0.005"),
            ("903.22", "1.5", 2, "1354.83", "0"),
            ("1", "1.344", 2, "1.34", "0.004"),
            ("0.999", "9.999", 0, "10", "-0.010999"),
            ("9.5", "1", 0, "10", "-0.5"),
            ("12.49", "-1", 0, "-12", "-0.49"),
            ("0.001", "1", 2, "0", "0.001"),
            ("-0.001", "1", 2, "0", "-0.001"),
            ("0", "-1.5", 2, "0", "0"),
            ("15", "2", 3, "30", "0"),
            (
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999999",
                2,
                "9999999999999999999999999999999999999800000000000000000000000000000000000001",
                "0",
            ),
        ] {
            assert_eq!(product(left, right, decimals), (rounded.to_owned(), rounding.to_owned()), "{left} * {right}");
        }
    }

    #[test]
    fn only_what_the_data_may_have_is_a_decimal() {
        for text in ["1,5", "1.2.3", "--1", "1e3", "x", &"9".repeat(82)] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn rounded_and_rounding_add_up_to_the_exact_product(
            left in "-?(0|[1-9][0-9]{0,37})(\\.[0-9]{0,37}[1-9])?",
            right in "(0|[1-9][0-9]{0,37})(\\.[0-9]{0,37}[1-9])?",
            decimals in 0usize..5,
        ) {
            let big = |text: &str| text.parse::<BigDecimal>().unwrap();
            let (rounded, rounding) = product(&left, &right, decimals);
            let exact = big(&left) * big(&right);
            prop_assert_eq!(big(&rounded), exact.with_scale_round(decimals as i64, RoundingMode::HalfUp));
            prop_assert_eq!(big(&rounded) + big(&rounding), exact);
            for text in [&rounded, &rounding] {
                prop_assert!(!text.contains('.') || !text.ends_with('0'), "{} is canonical", text);
                prop_assert!(!big(text).is_zero() || text == "0", "{} is canonical", text);
            }
        }

        #[test]
        fn an_integer_is_its_text(value in proptest::num::i64::ANY) {
            let mut product = Product::default();
            product.multiply(&Decimal::from(value), &Decimal::ONE, 2);
            prop_assert_eq!(product.rounded, value.to_string());
        }
    }
}
