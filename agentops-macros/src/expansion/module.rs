// #[agentops::instrument(skip(key), level = "debug")]
// pub mod web {
//     //! What reaches the outside.
//     use std::fmt;
//     const LIMIT: usize = 3;
//     pub fn fetch(url: &str, key: &str) -> Page {
//         get(url, key)
//     }
//     #[tool(cost = 0.01)]
//     impl Search {
//         fn find(&self, words: &str) {
//             self.0.find(words);
//         }
//     }
//     impl fmt::Display for Page {
//         fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//             f.write_str(&self.0)
//         }
//     }
//     #[agentops::skip]
//     fn retry() {}
//     const fn limit() -> usize {
//         LIMIT
//     }
// }

pub mod web {
    //! What reaches the outside.
    use std::fmt;
    const LIMIT: usize = 3;
    pub fn fetch(url: &str, key: &str) -> Page {
        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                    ::agentops::__private::Kind::Operation,
                    "fetch",
                    ::core::module_path!(),
                    "fetch",
                    &["url"],
                    true,
                )
                .level(::agentops::__private::Level::Debug),
        );
        let __agentops_span = ::agentops::__private::enter(
            &__AGENTOPS_CALLSITE,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                (&&&&::agentops::__private::Probe(&url)).agentops_capture(__agentops_w);
            },
        );
        let __agentops_ret = ::agentops::__private::call_once(move || -> Page {
            {
                #[allow(clippy::shadow_same)]
                let url = url;
                #[allow(clippy::shadow_same)]
                let key = key;
                #[allow(clippy::needless_else)] { get(url, key) }
            }
        });
        ::agentops::__private::exit(
            __agentops_span,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                match (&&::agentops::__private::Outcome(&__agentops_ret))
                    .agentops_outcome()
                {
                    ::core::result::Result::Ok(__agentops_value) => {
                        (&&&&::agentops::__private::Probe(__agentops_value))
                            .agentops_capture(__agentops_w);
                    }
                    ::core::result::Result::Err(__agentops_error) => {
                        (&&&&&&::agentops::__private::Fault(__agentops_error))
                            .agentops_fault(__agentops_w)
                    }
                }
            },
        );
        return __agentops_ret;
    }
    #[tool(__agentops_expanded)]
    impl Search {
        fn find(&self, words: &str) {
            static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
                ::agentops::__private::Meta::new(
                        ::agentops::__private::Kind::Tool,
                        "find",
                        ::core::module_path!(),
                        "Search::find",
                        &["words"],
                        false,
                    )
                    .cost(0.01),
            );
            let __agentops_span = ::agentops::__private::enter(
                &__AGENTOPS_CALLSITE,
                |__agentops_w| {
                    use ::agentops::__private::ladder::*;
                    (&&&&::agentops::__private::Probe(&words))
                        .agentops_capture(__agentops_w);
                },
            );
            let __agentops_ret = ::agentops::__private::call_once(move || -> () {
                {
                    #[allow(clippy::shadow_same)]
                    let words = words;
                    #[allow(clippy::needless_else)]
                    {
                        self.0.find(words);
                    }
                }
            });
            ::agentops::__private::leave(__agentops_span);
            return __agentops_ret;
        }
    }
    impl fmt::Display for Page {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }
    #[agentops::skip]
    fn retry() {}
    const fn limit() -> usize {
        LIMIT
    }
}
