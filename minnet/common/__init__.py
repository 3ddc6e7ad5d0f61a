"""What every part of minnet uses: checks of arguments, printed configuration, buffers, safe files."""
