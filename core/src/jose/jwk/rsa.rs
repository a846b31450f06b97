//! What an RSA key must be. <https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1>

use super::JwkError;
use crate::jose::Algorithm;

/// Bytes of a modulus: 2048 to 8192 bits. More would only let strangers make us work.
const LEAST: usize = 256;
const MOST: usize = 1024;

/// `None` stays: the key leaves it open.
pub(super) const fn algorithm(named: Option<Algorithm>) -> Result<Option<Algorithm>, JwkError> {
    use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match named {
        None | Some(Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512) => Ok(named),
        Some(_) => Err(JwkError::Algorithm),
    }
}

/// Refuses leading zeros, short and even numbers, the exponent 1, and moduli of a generator that is known to be broken.
pub(super) fn check(n: &[u8], e: &[u8]) -> Result<(), JwkError> {
    let leading_zero = |number: &[u8]| number.first().is_none_or(|first| *first == 0);
    if leading_zero(n) {
        return Err(JwkError::Malformed("n"));
    }
    if leading_zero(e) {
        return Err(JwkError::Malformed("e"));
    }
    let even = |number: &[u8]| number.last().is_none_or(|last| last & 1 == 0);
    let top = n.first().copied().unwrap_or(0);
    // A modulus of 2048 bits has its top bit set.
    let short = n.len() < LEAST || (n.len() == LEAST && top < 0x80);
    if short || n.len() > MOST || even(n) || even(e) || e.len() > 4 || e == [1] || is_roca(n) {
        return Err(JwkError::Weak);
    }
    Ok(())
}

/// Odd primes up to 167.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus is of the kind that CVE-2017-15361 (ROCA) factors: primes of a certain smart card's generator are
/// powers of 65537 modulo each small prime, and so is their product. Of other moduli fewer than one in 2^100 is.
fn is_roca(n: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(n, prime), prime))
}

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, byte| modulo(rest << 8 | u32::from(*byte), prime))
}

fn is_power_of_65537(rest: u32, prime: u32) -> bool {
    let base = modulo(65_537, prime);
    let mut power = 1;
    // The powers repeat after fewer than `prime` steps.
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = modulo(power.wrapping_mul(base), prime);
    }
    false
}

fn modulo(n: u32, prime: u32) -> u32 {
    n.checked_rem(prime).unwrap_or(0)
}
