//! Status codes (RFC 9110 section 15, RFC 6585) with their reason phrases and a sentence each.

/// A status code, 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

macro_rules! statuses {
    ($($name:ident $code:literal $reason:literal $sentence:literal;)*) => {
        impl Status {
            $(
                #[doc = concat!(stringify!($code), " ", $reason)]
                pub const $name: Self = Self($code);
            )*

            /// The reason phrase; a word for the class when the code is not registered here.
            #[must_use]
            pub fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => self.class().0,
                }
            }

            /// A sentence for the person who sees the error page.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self.0 {
                    $($code => $sentence,)*
                    _ => self.class().1,
                }
            }

            /// The whole status line with its line end, for the codes that are known here.
            pub(super) fn line(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(concat!("HTTP/1.1 ", stringify!($code), " ", $reason, "\r\n")),)*
                    _ => None,
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

statuses! {
    CONTINUE 100 "Continue" "The request may go on.";
    SWITCHING_PROTOCOLS 101 "Switching Protocols" "The protocol changes now.";
    OK 200 "OK" "Here it is.";
    CREATED 201 "Created" "It has been created.";
    ACCEPTED 202 "Accepted" "It will be worked on.";
    NO_CONTENT 204 "No Content" "There is nothing to show.";
    PARTIAL_CONTENT 206 "Partial Content" "Here is the part that was asked for.";
    MULTIPLE_CHOICES 300 "Multiple Choices" "There is more than one answer.";
    MOVED_PERMANENTLY 301 "Moved Permanently" "This page has moved for good.";
    FOUND 302 "Found" "This page is somewhere else for now.";
    SEE_OTHER 303 "See Other" "The answer is on another page.";
    NOT_MODIFIED 304 "Not Modified" "Your copy is still good.";
    TEMPORARY_REDIRECT 307 "Temporary Redirect" "This page is somewhere else for now.";
    PERMANENT_REDIRECT 308 "Permanent Redirect" "This page has moved for good.";
    BAD_REQUEST 400 "Bad Request" "The request was not understood.";
    UNAUTHORIZED 401 "Unauthorized" "This page needs a user name and a password.";
    FORBIDDEN 403 "Forbidden" "This page is not for you.";
    NOT_FOUND 404 "Not Found" "There is no such page here.";
    METHOD_NOT_ALLOWED 405 "Method Not Allowed" "This page cannot be used in this way.";
    NOT_ACCEPTABLE 406 "Not Acceptable" "There is no form of this page that was asked for.";
    REQUEST_TIMEOUT 408 "Request Timeout" "The request took too long to arrive.";
    CONFLICT 409 "Conflict" "The request does not fit what is there.";
    GONE 410 "Gone" "This page is gone for good.";
    LENGTH_REQUIRED 411 "Length Required" "The request must say how long it is.";
    PRECONDITION_FAILED 412 "Precondition Failed" "The page is not in the state that was asked for.";
    CONTENT_TOO_LARGE 413 "Content Too Large" "The request carries more than is accepted here.";
    URI_TOO_LONG 414 "URI Too Long" "The address is too long.";
    UNSUPPORTED_MEDIA_TYPE 415 "Unsupported Media Type" "This type of file is not known; extra-mimetypes can name it.";
    RANGE_NOT_SATISFIABLE 416 "Range Not Satisfiable" "The page does not have that part.";
    EXPECTATION_FAILED 417 "Expectation Failed" "What the request expects cannot be done here.";
    MISDIRECTED_REQUEST 421 "Misdirected Request" "This site is not served on this connection.";
    UPGRADE_REQUIRED 426 "Upgrade Required" "This address speaks another protocol.";
    PRECONDITION_REQUIRED 428 "Precondition Required" "The request must say what it expects to find.";
    TOO_MANY_REQUESTS 429 "Too Many Requests" "That was too much in too little time.";
    HEADER_FIELDS_TOO_LARGE 431 "Request Header Fields Too Large" "The head of the request is too large.";
    INTERNAL_SERVER_ERROR 500 "Internal Server Error" "Something went wrong here.";
    NOT_IMPLEMENTED 501 "Not Implemented" "This server does not know how to do that.";
    BAD_GATEWAY 502 "Bad Gateway" "The server behind this one gave no proper answer.";
    SERVICE_UNAVAILABLE 503 "Service Unavailable" "There is too much to do here at the moment.";
    GATEWAY_TIMEOUT 504 "Gateway Timeout" "The server behind this one took too long.";
    HTTP_VERSION_NOT_SUPPORTED 505 "HTTP Version Not Supported" "This server speaks HTTP/1.1 and HTTP/1.0.";
}

impl Status {
    /// A status by its number, if it is between 100 and 599.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        (100..600).contains(&code).then_some(Self(code))
    }

    /// The number.
    #[must_use]
    pub fn code(self) -> u16 {
        self.0
    }

    /// 400 and above.
    #[must_use]
    pub fn is_error(self) -> bool {
        self.0 >= 400
    }

    fn class(self) -> (&'static str, &'static str) {
        match self.0 / 100 {
            1 => ("Informational", "The request goes on."),
            2 => ("Success", "Here it is."),
            3 => ("Redirection", "The page is somewhere else."),
            4 => ("Client Error", "The request cannot be answered."),
            _ => ("Server Error", "Something went wrong here."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_texts() {
        for status in Status::ALL {
            let line = format!("HTTP/1.1 {} {}\r\n", status.code(), status.reason());
            assert_eq!(status.line(), Some(line.as_str()));
            assert!(status.sentence().ends_with('.'));
        }
        let odd = Status::from_code(499).unwrap();
        assert_eq!((odd.reason(), odd.line()), ("Client Error", None));
        assert!(odd.is_error() && !Status::FOUND.is_error());
    }

    #[test]
    fn numbers_outside_are_no_status() {
        assert_eq!(Status::from_code(99), None);
        assert_eq!(Status::from_code(600), None);
        assert_eq!(Status::from_code(599).map(Status::code), Some(599));
    }
}
