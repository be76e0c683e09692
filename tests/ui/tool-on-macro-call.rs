use agentops::tool;

macro_rules! function {
    ($name:ident) => {
        pub fn $name() {}
    };
}

#[tool]
function!(search);
