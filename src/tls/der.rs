//! Reading and writing DER (X.690), as far as certificates need it.
