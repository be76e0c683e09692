use agentops::tool;

#[tool]
macro_rules! function {
    ($name:ident) => {
        pub fn $name() {}
    };
}

function!(search);
