//! Request methods (RFC 9110 section 9, RFC 5789).

/// A request method. Methods are case-sensitive: `get` is [`Method::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// PATCH
    Patch,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// CONNECT
    Connect,
    /// Anything else; its text is in the head. Where nobody knows it, the answer is 501.
    Other,
}

impl Method {
    /// The method that is written as `text`.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"PATCH" => Self::Patch,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// GET or HEAD: the two that select a representation and are answered from files.
    #[must_use]
    pub fn is_retrieval(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::from_text(b"GET"), Method::Get);
        assert_eq!(Method::from_text(b"get"), Method::Other);
        assert_eq!(Method::from_text(b"PROPFIND"), Method::Other);
        assert_eq!(Method::from_text(b"CONNECT"), Method::Connect);
        assert!(Method::Head.is_retrieval() && !Method::Post.is_retrieval());
    }
}
