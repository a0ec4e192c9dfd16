//! What a certificate says: names, validity, subject, fingerprint.
