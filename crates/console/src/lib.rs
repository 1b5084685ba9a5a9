//! The people's plane: management API, OpenAPI, Swagger UI
