use agentops::tool;

#[deprecated = "use another"]
fn find() {}

#[tool]
pub fn search() {
    find();
}
