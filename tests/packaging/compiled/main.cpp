// The host's own `main`; the one of ../service.cpp is called `service` here.
bool emit_from_another_file();
int service();

#undef main
int main() {
  if (!emit_from_another_file()) return 10;
  return service();
}
