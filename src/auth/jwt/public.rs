//! Public keys as they lie in files (RFC 5280, 5480, 8017, 8410).

use crate::der::{self, BIT_STRING, INTEGER, OBJECT_ID, Reader, SEQUENCE};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A public key as it lies in a file, not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Public<'a> {
    Rsa { modulus: &'a [u8], exponent: &'a [u8], only_pss: bool },
    P256(&'a [u8]),
    P384(&'a [u8]),
    P521(&'a [u8]),
    Ed25519(&'a [u8]),
}

/// `RSAPublicKey`, PKCS#1.
pub(super) fn pkcs1(der: &[u8]) -> Option<Public<'_>> {
    let mut file = Reader::of(der);
    let mut key = file.inside(SEQUENCE)?;
    file.end()?;
    let (modulus, exponent) = (key.take(INTEGER)?, key.take(INTEGER)?);
    key.end()?;
    Some(Public::Rsa { modulus, exponent, only_pss: false })
}

/// `SubjectPublicKeyInfo`.
pub(super) fn spki(der: &[u8]) -> Option<Public<'_>> {
    let mut file = Reader::of(der);
    let info = file.inside(SEQUENCE)?;
    file.end()?;
    public(info)
}

/// The key in a certificate. Who signed it and until when it is good does not count: the operator chose the file.
pub(super) fn certificate(bytes: &[u8]) -> Option<Public<'_>> {
    let mut certificate = der::certificate(bytes)?;
    // Issuer, validity, subject.
    for _ in 0..3 {
        certificate.skip()?;
    }
    public(certificate.inside(SEQUENCE)?)
}

fn public(mut info: Reader<'_>) -> Option<Public<'_>> {
    let mut algorithm = info.inside(SEQUENCE)?;
    let id = algorithm.take(OBJECT_ID)?;
    let (unused, bits) = info.take(BIT_STRING)?.split_first()?;
    info.end()?;
    if *unused != 0 {
        return None;
    }
    match id {
        RSA | RSA_PSS => match pkcs1(bits)? {
            Public::Rsa { modulus, exponent, .. } => Some(Public::Rsa { modulus, exponent, only_pss: id == RSA_PSS }),
            other => Some(other),
        },
        EC => match algorithm.take(OBJECT_ID)? {
            P256 => Some(Public::P256(bits)),
            P384 => Some(Public::P384(bits)),
            P521 => Some(Public::P521(bits)),
            _ => None,
        },
        ED25519 => Some(Public::Ed25519(bits)),
        _ => None,
    }
}
