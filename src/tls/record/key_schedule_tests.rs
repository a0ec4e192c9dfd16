//! Tests of keys and of their renewal, with the numbers of RFC 8448 among others.

use super::super::records::tests::forge::Forge;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|n| n as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn padded(secret: &[u8]) -> [u8; SECRET_BYTES_MAX] {
    let mut padded = [0; SECRET_BYTES_MAX];
    padded[..secret.len()].copy_from_slice(secret);
    padded
}

fn keys_of(cipher: Cipher, forge: &Forge) -> Keys {
    Keys::new(cipher, forge.seq, &forge.key, &forge.iv).unwrap()
}

#[test]
fn keys_follow_from_secrets_as_in_rfc_8448_section_3() {
    let cases = [
        (
            "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
            "17422dda596ed5d9acd890e3c63f5051",
            "5b78923dee08579033e523d9",
        ),
        (
            "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
            "9f02283b6c9c07efc26bb9f2ac92e356",
            "cf782b88dd83549aadf1e984",
        ),
    ];
    for (secret, key, iv) in cases {
        let mut keys = Keys::new(Cipher::Aes128Gcm, 0, &hex(key), &hex(iv)).unwrap();
        assert!(keys.adopt(&padded(&hex(secret)), Cipher::Aes128Gcm));
        let mut wrong = hex(secret);
        wrong[31] ^= 1;
        assert!(!keys.adopt(&padded(&wrong), Cipher::Aes128Gcm));
    }
}

#[test]
fn a_secret_of_another_generation_is_not_adopted() {
    for (cipher, algorithm) in [
        (Cipher::Aes128Gcm, &aead::AES_128_GCM),
        (Cipher::Aes256Gcm, &aead::AES_256_GCM),
        (Cipher::Chacha20Poly1305, &aead::CHACHA20_POLY1305),
    ] {
        let mut forge = Forge::tls13(algorithm, &vec![9; cipher.secret_bytes()]);
        let first = padded(&forge.secret);
        forge.renew();
        assert!(!keys_of(cipher, &forge).adopt(&first, cipher));
        assert!(keys_of(cipher, &forge).adopt(&padded(&forge.secret), cipher));
    }
}

#[test]
fn renewed_keys_follow_from_the_secret_before_and_count_from_zero() {
    for (cipher, algorithm) in [
        (Cipher::Aes128Gcm, &aead::AES_128_GCM),
        (Cipher::Aes256Gcm, &aead::AES_256_GCM),
        (Cipher::Chacha20Poly1305, &aead::CHACHA20_POLY1305),
    ] {
        let mut forge = Forge::tls13(algorithm, &vec![0xa5; cipher.secret_bytes()]);
        let mut keys = keys_of(cipher, &forge);
        assert!(keys.adopt(&padded(&forge.secret), cipher));
        keys.jump(77);
        for _ in 0..3 {
            forge.renew();
            keys.renew(cipher).unwrap();
            assert_eq!(keys.key[..algorithm.key_len()], forge.key[..]);
            assert_eq!(keys.iv, forge.iv);
            assert_eq!(keys.secret, padded(&forge.secret));
            assert_eq!(keys.seq(), 0);
        }
    }
}

#[test]
fn a_nonce_is_the_iv_xor_the_number() {
    let iv = hex("0102030405060708090a0b0c");
    let mut keys = Keys::new(Cipher::Chacha20Poly1305, 0, &[1; 32], &iv).unwrap();
    assert_eq!(keys.nonce()[..], iv[..]);
    keys.jump(0x0102_0304_0506_0708);
    assert_eq!(keys.nonce()[..], hex("010203040404040c0c0c0c04")[..]);
    assert_eq!(keys.salt(), [1, 2, 3, 4]);
}

#[test]
fn numbers_never_wrap() {
    let mut keys = Keys::new(Cipher::Chacha20Poly1305, 0, &[1; 32], &[2; 12]).unwrap();
    keys.jump(u64::MAX - 1);
    assert_eq!(keys.count(), Some(()));
    assert_eq!(keys.count(), None);
    assert_eq!(keys.seq(), u64::MAX);
}

#[test]
fn wrong_lengths_are_refused() {
    assert!(Keys::new(Cipher::Aes128Gcm, 0, &[1; 32], &[2; 12]).is_none());
    assert!(Keys::new(Cipher::Aes256Gcm, 0, &[1; 16], &[2; 12]).is_none());
    assert!(Keys::new(Cipher::Chacha20Poly1305, 0, &[1; 32], &[2; 8]).is_none());
    assert!(TrafficSecrets::new(&[1; 32], &[2; 32]).is_some());
    assert!(TrafficSecrets::new(&[1; 48], &[2; 48]).is_some());
    assert!(TrafficSecrets::new(&[1; 48], &[2; 32]).is_none());
    assert!(TrafficSecrets::new(&[1; 49], &[2; 49]).is_none());
    assert!(TrafficSecrets::new(&[], &[]).is_none());
}

#[test]
fn the_secrets_are_not_shown() {
    let secrets = TrafficSecrets::new(&[0xab; 32], &[0xcd; 32]).unwrap();
    assert_eq!(format!("{secrets:?}"), "TrafficSecrets { bytes: 32, .. }");
}
