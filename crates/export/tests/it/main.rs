mod cancel;
mod files;
mod rows;
mod storage;
mod support;
mod zones;
