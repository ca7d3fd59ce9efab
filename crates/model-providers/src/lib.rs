//! One request to one model, classified; and the chain that turns many models into one answer.
