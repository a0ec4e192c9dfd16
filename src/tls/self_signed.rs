//! Making a certificate that signs itself.
