#!/usr/bin/env perl
# Keeps the headers to their layers.
#
#   layering.test.pl INCLUDE_DIR   every header below INCLUDE_DIR/hotline keeps the rules below
#   layering.test.pl --self-test   a header that breaks a rule is caught, one made for each rule
#
# Dependencies run upwards only: a header includes its own folder and the layers above it in this table.
# Prints each offence as file:line and ends with 1 if there was one.
use strict;
use warnings;
use File::Find;
use File::Path qw(make_path);
use File::Temp qw(tempdir);

# ----------------------------------------------------------------------------------------------------- the rules

# L0: files, not a folder. They include each other only.
my %is_word = map { $_ => 1 } qw(version.hpp language.hpp compiled.hpp authority.hpp origin.hpp keyed_hash.hpp types.hpp error.hpp options.hpp concepts.hpp fwd.hpp
                                 utf8.hpp metrics.hpp subscription.hpp observers.hpp crowd.hpp intrusive_list.hpp log_level.hpp expected.hpp
                                 entry_table.hpp keyed_table.hpp number_table.hpp any_invocable.hpp dialer.hpp);

# Folders, each with the folders it may include beside L0 and itself. L2's stand in the order of decision 0001: each may
# include those before it. The transport moves bytes and knows nothing of what they mean, so it stands on L0 alone.
my @bytes_and_text = qw(wire protocol);
my @meaning        = qw(log connection session command room);
my %may_include    = (
  wire      => [],
  protocol  => [],
  transport => [],
  browser   => [],                                                       # a text, for the manager to serve
  (map { $meaning[$_] => [@bytes_and_text, @meaning[0 .. $_ - 1]] } 0 .. $#meaning),
  server  => [@bytes_and_text, @meaning, 'browser', ''],              # without a transport, which is an interface to it
  ''      => [@bytes_and_text, @meaning, 'transport', 'server'],    # '' is L4: the other headers at the top
  testing => [@bytes_and_text, @meaning, 'transport', 'server', ''],         # worlds for hosts' tests, and who judges them
);

# Folders of transport/, each with those beside it that it may include. The headers of transport/ itself are what hosts name.
my %may_include_beside = (
  socket  => [],                              # the system's sockets, one call each
  loop    => [],                              # for each loop
  traffic => ['socket'],                      # connections and their bytes, without a wait
  dialing => ['socket', 'loop', 'traffic'],
  asio    => ['socket', 'loop', 'traffic'],
  epoll   => ['socket', 'loop', 'traffic'],
  tls     => ['socket', 'traffic', 'dialing'],
);

# Foreign headers that only some folders may include.
my @foreign = (
  {what => qr{^websocketpp/}, only_in => ['wire'], except => qr{^websocketpp/(server|client|connection|endpoint)\.hpp|
                                                           ^websocketpp/(config|logger|roles|transport)/}x},
  {what => qr{^rapidjson/}, only_in => ['protocol'], except => qr{^rapidjson/(document|pointer|schema)\.h}},
  {what => qr{^(asio|boost)[/.]}, only_in => ['transport']},
  {what => qr{^zlib\.h$}, only_in => ['']},
  {what => qr{^openssl/}, only_in => ['transport']},
  {what => qr{^(sys|netinet|arpa|linux)/|^(unistd|poll|fcntl|netdb|pthread|signal)\.h$}, only_in => ['transport']},
  {what => qr{^(iostream|cstdio|stdio\.h|print|cassert|assert\.h|csignal|thread|future|random|regex|fstream|filesystem)$},
   only_in => []},
);

# Things that library code never does, with the one file that may.
my $clocks = 'transport/system_environment.hpp';
my $threads = 'testing/transport_conformance/loop.hpp';    # a host's tests, not the library: other threads post
my @never = (
  {what => qr{\bstd::(jthread|async)\b|\bstd::thread\b(?!::id)|\bthis_thread::sleep}, why => 'no threads of its own', but => $threads},
  {what => qr{\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|fputs|putchar|perror)\s*\(}, why => 'never prints'},
  {what => qr{\bstd::(abort|exit|_Exit|quick_exit|terminate)\b|(?<![\w.>])(::)?(_Exit|quick_exit|exit)\s*\(\s*(EXIT_|\d)},
   why => 'never ends the process'},
  {what => qr{(?<!\w)assert\s*\(}, why => 'never ends the process'},
  {what => qr{\bgetenv\b}, why => 'never reads the environment'},
  {what => qr{\bstd::signal\b|(?<![\w.>:])signal\s*\(|\bsigaction\b|\bsignal_set\b}, why => 'installs no signal handlers'},
  {what => qr{\b(steady|system|high_resolution)_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0)},
   why => 'time comes from the environment seam', but => $clocks},
  {what => qr{\brandom_device\b|\bgetrandom\b|(?<!\w)s?rand\s*\(}, why => 'chance comes from the environment seam', but => $clocks},
  {what => qr{^\s*\#\s*define\s+(?!HOTLINE_)\w+}m, why => 'no macros but its own'},
);
# Those need headers that nothing else may include.
my %excused = ($threads => qr{^thread$}, 'transport/loop/loop_thread.hpp' => qr{^thread$}, $clocks => qr{^(random|unistd\.h|sys/random\.h)$});

my $longest = 400;
my $is_text = qr{^browser/client_module\.hpp$};    # made from hotline.js, line by line

# --------------------------------------------------------------------------------------------------- how it looks

# The text with comments gone, and strings emptied in the second result; line breaks stay, so line numbers hold.
sub bare {
  my ($text) = @_;
  my $blank = sub { (my $s = $_[0]) =~ s/[^\n]//g; $s };
  my $no_comments = $text;
  my $token = qr{(R"([^\s()\\]{0,16})\(.*?\)\g{-1}"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])+')|(//[^\n]*|/\*.*?\*/)}s;
  $no_comments =~ s{$token}{defined $3 ? $blank->($3) : $1}ge;
  (my $no_strings = $no_comments) =~ s{$token}{defined $1 ? '""' . $blank->($1) : ''}ge;
  return ($no_comments, $no_strings);
}

sub folder_of {    # 'wire' of 'wire/decoder.hpp'; 'L0' for a word; '' for the other headers at the top
  my ($path) = @_;
  return $1 if $path =~ m{^([^/]+)/};
  (my $word = $path) =~ s/\.ipp$/.hpp/;
  return $is_word{$word} ? 'L0' : '';
}

sub offences {
  my ($include) = @_;
  my (@found, @files);
  my $root = "$include/hotline";
  return ("$root: no such folder") unless -d $root;
  find({no_chdir => 1, wanted => sub { push @files, $File::Find::name if -f && /\.(hpp|h|ipp|cpp|hh|hxx)$/ }}, $root);
  return ("$root: no headers") unless @files;

  for my $file (sort @files) {
    (my $path = $file) =~ s{^\Q$root\E/}{};
    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;
    my $folder = folder_of($path);
    my ($code, $no_strings) = bare($text);
    my $line_of = sub { my ($haystack, $at) = @_; 1 + (substr($haystack, 0, $at) =~ tr/\n//) };
    my $say     = sub { push @found, "hotline/$path:$_[0]: $_[1]" };

    my $lines = ($text =~ tr/\n//);
    $say->($lines, "$lines lines: past $longest, cut it") if $lines > $longest && $path !~ $is_text;
    $say->(1, 'headers end in .hpp, and their bodies in .ipp') unless $path =~ /\.[hi]pp$/;
    $say->(1, "folder '$folder' is in no layer: give it a place in the design and in this test")
      unless $folder eq 'L0' || $may_include{$folder};
    $say->(1, 'no #pragma once') unless $code =~ /^\s*#\s*pragma\s+once\b/m;

    while ($code =~ /^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]/mg) {
      my ($bracket, $name, $line) = ($1, $2, $line_of->($code, $-[0]));
      $say->($line, "#include \"$name\": write <hotline/...>") if $bracket eq '"';
      if ($name =~ s{^hotline/}{}) {
        my $to = folder_of($name);
        if (my ($from) = $path =~ m{^transport/(\w+)/}) {
          my ($beside) = $name =~ m{^transport/(\w+)/};
          $say->($line, "transport/$from may not include <hotline/$name>")
            if $beside && $beside ne $from && !grep { $_ eq $beside } @{$may_include_beside{$from} || []};
        }
        next if $to eq 'L0' || $to eq $folder;
        if ($folder eq 'L0' || !grep { $_ eq $to } @{$may_include{$folder} || []}) {
          my $from = $folder eq '' ? 'the top' : $folder;
          $say->($line, "$from may not include <hotline/$name>");
        }
        next;
      }
      for my $rule (@foreign) {
        next unless $name =~ $rule->{what};
        next if $excused{$path} && $name =~ $excused{$path};
        my $where = join ' or ', map { "$_/" } @{$rule->{only_in}};
        if (!grep { $_ eq $folder } @{$rule->{only_in}}) {
          $say->($line, "<$name> " . ($where ? "belongs in $where only" : 'has no place in the library'));
        } elsif ($rule->{except} && $name =~ $rule->{except}) {
          $say->($line, "<$name> is a part that is never used");
        }
      }
    }
    for my $rule (@never) {
      next if ($rule->{but} // '') eq $path;
      while ($no_strings =~ /$rule->{what}/g) {
        (my $what = $&) =~ s/^\s+|\s+$//g;
        $say->($line_of->($no_strings, $-[0]), "'$what': $rule->{why}");
      }
    }
  }
  return @found;
}

# ---------------------------------------------------------------------------------------------------- the self-test

sub write_tree {
  my ($tree) = @_;
  my $include = tempdir(CLEANUP => 1);
  while (my ($path, $text) = each %$tree) {
    my $file = "$include/hotline/$path";
    (my $dir = $file) =~ s{/[^/]*$}{};
    make_path($dir);
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
  }
  return $include;
}

sub self_test {
  my $once = "#pragma once\n";
  my %good = (
    'types.hpp'           => $once,
    'wire/decoder.hpp'    => "$once#include <hotline/types.hpp>\n#include <websocketpp/utf8_validator.hpp>\n",
    'protocol/json.hpp'   => "$once#include <rapidjson/reader.h>\nstatic_assert(true);\n",
    'log/event_log.hpp'   => "$once#include <hotline/wire/decoder.hpp>\n",
    'session/session.hpp' => "$once#include <hotline/log/event_log.hpp>\n",
    'command/desk.hpp'    => "$once#include <hotline/log/event_log.hpp>\n#include <hotline/session/session.hpp>\n",
    'room/room.hpp'       => "$once#include <hotline/log/event_log.hpp>\n#include <hotline/session/session.hpp>\n"
      . "#include <hotline/command/desk.hpp>\n",
    'transport/asio.hpp'  => "$once#include <asio/ip/tcp.hpp>\ninline void f() { t.abort(c); steady_timer_.signal(); }\n",
    $clocks               => "$once#include <random>\nauto n = std::chrono::steady_clock::now();\n",
    'ws_manager.hpp'      => "$once#include <hotline/room/room.hpp>\n#include <hotline/transport/asio.hpp>\n"
      . "// std::cout << getenv(\"X\"); exit(1)\nauto s = \"std::abort() // not a comment\"; auto r = R\"(\n exit(1) )\";\n"
      . "auto n = 1'000'000; std::thread::id owner; void emit_signal(int); auto r = timer.signal(2); scope exit(f); /* #include <asio.hpp> */\n",
    'hotline.hpp'         => "$once#include <hotline/ws_manager.hpp>\n",
  );
  # Each: what is added, and what the offence must say.
  my @bad = (
    ['types.hpp', "#include <hotline/wire/decoder.hpp>\n", qr{L0 may not include <hotline/wire}],
    ['types.hpp', "#include <hotline/ws_manager.hpp>\n", qr{L0 may not include <hotline/ws_manager}],
    ['wire/decoder.hpp', "#include <hotline/protocol/json.hpp>\n", qr{wire may not include <hotline/protocol}],
    ['wire/decoder.hpp', "#include <hotline/log/event_log.hpp>\n", qr{wire may not include <hotline/log}],
    ['protocol/json.hpp', "#include <hotline/wire/decoder.hpp>\n", qr{protocol may not include <hotline/wire}],
    ['room/room.hpp', "#include <hotline/transport/asio.hpp>\n", qr{room may not include <hotline/transport}],
    ['room/room.hpp', "#include <hotline/hotline.hpp>\n", qr{room may not include <hotline/hotline.hpp>}],
    ['log/event_log.hpp', "#include <hotline/session/session.hpp>\n", qr{log may not include <hotline/session}],
    ['session/session.hpp', "#include <hotline/command/desk.hpp>\n", qr{session may not include <hotline/command}],
    ['session/session.hpp', "#include <hotline/room/room.hpp>\n", qr{session may not include <hotline/room}],
    ['command/desk.hpp', "#include <hotline/room/room.hpp>\n", qr{command may not include <hotline/room}],
    ['transport/asio.hpp', "#include <hotline/wire/decoder.hpp>\n", qr{transport may not include <hotline/wire}],
    ['transport/asio.hpp', "#include <hotline/ws_manager.hpp>\n", qr{transport may not include <hotline/ws_manager}],
    ['transport/traffic/roll.hpp', "$once#include <hotline/transport/asio/loop.hpp>\n", qr{transport/traffic may not include}],
    ['unplaced/new.hpp', $once, qr{folder 'unplaced' is in no layer}],
    ['room/room.hpp', "#include <websocketpp/frame.hpp>\n", qr{websocketpp/frame.hpp> belongs in wire/ only}],
    ['wire/decoder.hpp', "#include <websocketpp/server.hpp>\n", qr{never used}],
    ['wire/decoder.hpp', "#include <websocketpp/config/core.hpp>\n", qr{never used}],
    ['wire/decoder.hpp', "#include <websocketpp/transport/asio/endpoint.hpp>\n", qr{never used}],
    ['wire/decoder.hpp', "#include <rapidjson/reader.h>\n", qr{belongs in protocol/ only}],
    ['protocol/json.hpp', "  #  include <rapidjson/document.h>\n", qr{:4: <rapidjson/document.h> is a part that is never}],
    ['ws_manager.hpp', "#include <asio.hpp>\n", qr{<asio.hpp> belongs in transport/ only}],
    ['room/room.hpp', "#include <asio/post.hpp>\n", qr{belongs in transport/ only}],
    ['session/a.hpp', "$once#include <sys/socket.h>\n", qr{belongs in transport/ only}],
    ['ws_manager.hpp', "#include <openssl/ssl.h>\n", qr{belongs in transport/ only}],
    ['room/room.hpp', "#include <iostream>\n", qr{<iostream> has no place}],
    ['room/room.hpp', "#include \"room.hpp\"\n", qr{write <hotline/}],
    ['ws_manager.hpp', "std::jthread t([] {});\n", qr{no threads}],
    ['ws_manager.hpp', "std::thread t([] {});\n", qr{no threads}],
    ['ws_manager.hpp', "void f() { std::cerr << 1; }\n", qr{never prints}],
    ['ws_manager.hpp', "void f() { printf(\"%d\", 1); }\n", qr{never prints}],
    ['ws_manager.hpp', "void f() { std::abort(); }\n", qr{never ends the process}],
    ['ws_manager.hpp', "void f() { exit(1); }\n", qr{never ends the process}],
    ['ws_manager.hpp', "void f() { assert(1); }\n", qr{never ends the process}],
    ['ws_manager.hpp', "auto e = std::getenv(\"HOME\");\n", qr{never reads the environment}],
    ['ws_manager.hpp', "void f() { std::signal(2, g); }\n", qr{no signal handlers}],
    ['transport/asio.hpp', "asio::signal_set s;\n", qr{no signal handlers}],
    ['transport/asio.hpp', "auto n = std::chrono::steady_clock::now();\n", qr{time comes from}],
    ['session/a.hpp', "${once}auto n = std::chrono::system_clock::now();\n", qr{time comes from}],
    ['session/a.hpp', "${once}std::random_device d;\n", qr{chance comes from}],
    ['session/a.hpp', "$once#include <random>\n", qr{<random> has no place}],
    ['session/a.hpp', "$once#define emit\n", qr{no macros but its own}],
    ['session/a.hpp', "int x;\n", qr{no #pragma once}],
    ['session/a.hpp', $once . "\n" x 400, qr{401 lines}],
    ['session/a.cpp', $once, qr{end in .hpp}],
  );

  my ($failed, $passed) = (0, 0);
  my @wrong = offences(write_tree(\%good));
  print "a good tree is refused:\n", map { "  $_\n" } @wrong and $failed++ if @wrong;
  for my $case (@bad) {
    my ($path, $text, $expected) = @$case;
    my %tree = (%good, $path => ($good{$path} // '') . $text);
    my @found = offences(write_tree(\%tree));
    if (@found == 1 && $found[0] =~ $expected && $found[0] =~ /\Q$path\E/) {
      $passed++;
    } else {
      $failed++;
      print "not caught as $expected: $path with $text", map { "  said: $_\n" } @found;
    }
  }
  my @empty = offences(tempdir(CLEANUP => 1) . '/nowhere');
  $failed++ unless @empty == 1;
  print "$passed of ", scalar @bad, " bad trees caught\n";
  return $failed;
}

# --------------------------------------------------------------------------------------------------------------------

die "usage: layering.test.pl INCLUDE_DIR | --self-test\n" unless @ARGV == 1;
exit(self_test() ? 1 : 0) if $ARGV[0] eq '--self-test';
my @found = offences($ARGV[0]);
print map { "$_\n" } @found;
print scalar(@found) ? scalar(@found) . " offences\n" : "the headers keep to their layers\n";
exit(@found ? 1 : 0);
