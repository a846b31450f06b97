//! How bytes are read and written, once for all roles: forms, URIs, scopes, base64url, JSON.
