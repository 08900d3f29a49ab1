//! The top-level calls, the same text in both forms.

/// Defines `get`, `post` … : each makes a client of its own and drops it with the response.
macro_rules! calls {
    ($($name:ident $METHOD:ident),+) => {
        $(
            #[doc = concat!("Begins a ", stringify!($METHOD), " request with a client of its own, dropped when the response is.")]
            ///
            /// Several requests are better made by one [`Client`], which keeps connections and cookies between them.
            ///
            #[doc = example!(call $name)]
            pub fn $name(url: impl AsRef<str>) -> RequestBuilder {
                Client::new().$name(url)
            }
        )+
    };
    () => {
        crate::top_level::calls!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, options OPTIONS);

        /// Begins a request of any method with a client of its own, dropped when the response is.
        ///
        /// Several requests are better made by one [`Client`], which keeps connections and cookies between them.
        ///
        #[doc = example!(
            "use dimorph::Method;\n\nlet response = Client::new().request(Method::TRACE, \"https://example.com\").send()",
            "?;"
        )]
        pub fn request(method: http::Method, url: impl AsRef<str>) -> RequestBuilder {
            Client::new().request(method, url)
        }
    };
}

pub(crate) use calls;
