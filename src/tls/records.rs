//! Records of an established session: opening, sealing, key updates.
