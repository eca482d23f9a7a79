//! Decimals as text: no float ever touches money.
//!
//! Canonical form: an optional `-`, digits without leading zeros, and, if there is a fraction, a point and digits
//! without trailing zeros. `0` has no sign. Two decimals are equal exactly if their canonical texts are.

use std::cmp::Ordering;

/// As many digits as a value may have before the point, and as many behind it: more than any amount of money needs.
pub const MAX_DIGITS: usize = 38;

/// Why a text is not a decimal we keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("not a number")]
    NotANumber,
    #[error("more than {MAX_DIGITS} digits before or behind the point")]
    TooLong,
}

/// Whether the text is canonical already: the common case when loading, and then it is kept as it is.
pub fn is_canonical(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction) && !fraction.ends_with('0') && fraction.len() <= MAX_DIGITS)
        && whole.len() <= MAX_DIGITS
        && text != "-0"
}

/// The canonical form of a number as people write it: `+1.50`, `.5`, `1e3`, `007`.
pub fn canonical(text: &str) -> Result<String, Invalid> {
    if is_canonical(text) {
        return Ok(text.to_owned());
    }
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i32>().map_err(|_| Invalid::NotANumber)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !all_digits || (whole.is_empty() && fraction.is_empty()) {
        return Err(Invalid::NotANumber);
    }

    let digits = [whole, fraction].concat();
    // How many of the digits stand before the point.
    let point = whole.len() as i64 + i64::from(exponent);
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.trim_matches('0');
    let point = point - leading as i64;
    if significant.is_empty() {
        return Ok("0".to_owned());
    }
    let fraction_digits = (significant.len() as i64 - point).max(0);
    if point > MAX_DIGITS as i64 || fraction_digits > MAX_DIGITS as i64 {
        return Err(Invalid::TooLong);
    }

    let mut out = String::with_capacity(significant.len() + 4);
    if negative {
        out.push('-');
    }
    if point <= 0 {
        out.push_str("0.");
        (point..0).for_each(|_| out.push('0'));
        out.push_str(significant);
    } else {
        let point = point as usize;
        out.push_str(&significant[..point.min(significant.len())]);
        (significant.len()..point).for_each(|_| out.push('0'));
        if significant.len() > point {
            out.push('.');
            out.push_str(&significant[point..]);
        }
    }
    Ok(out)
}

/// The order of two canonical decimals by value. Text that is not canonical is compared too, by the same rules, so that
/// this is an order of all texts and SQLite may use it as a collation.
pub fn compare(left: &str, right: &str) -> Ordering {
    match (left.strip_prefix('-'), right.strip_prefix('-')) {
        (None, None) => compare_unsigned(left, right),
        (Some(left), Some(right)) => compare_unsigned(right, left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

fn compare_unsigned(left: &str, right: &str) -> Ordering {
    let whole = |text: &str| text.find('.').unwrap_or(text.len());
    whole(left).cmp(&whole(right)).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::{Invalid, canonical, compare, is_canonical};

    #[test]
    fn people_write_numbers_in_many_ways() {
        for (written, kept) in [
            ("0", "0"),
            ("-0", "0"),
            ("+0.00", "0"),
            ("007", "7"),
            ("77.860000000", "77.86"),
            ("100", "100"),
            (".5", "0.5"),
            ("-.50", "-0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25E-3", "0.00125"),
            ("12.5e1", "125"),
            ("0.0010", "0.001"),
            ("0e999", "0"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ] {
            assert_eq!(canonical(written).as_deref(), Ok(kept), "{written}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", ".", "abc", "1,000", "1.2.3", "1e", "e5", "٣", "NaN", "0x10", " 1", "--1", "1e99999999999"]
        {
            assert_eq!(canonical(text), Err(Invalid::NotANumber), "{text}");
        }
        for text in ["999999999999999999999999999999999999999", "1e38", "1e-39"] {
            assert_eq!(canonical(text), Err(Invalid::TooLong), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn order_is_the_order_of_the_values(a in any::<i64>(), b in any::<i64>(), scale in 0usize..10) {
            let text = |value: i64| canonical(&format!("{value}e-{scale}")).expect("a number");
            prop_assert_eq!(compare(&text(a), &text(b)), a.cmp(&b));
        }

        #[test]
        fn canonical_is_a_fixed_point(text in "[-+]?[0-9]{0,12}(\\.[0-9]{0,12})?(e-?[0-9]{1,2})?") {
            if let Ok(kept) = canonical(&text) {
                prop_assert!(is_canonical(&kept), "{}", kept);
                prop_assert_eq!(canonical(&kept), Ok(kept.clone()));
            }
        }
    }
}
