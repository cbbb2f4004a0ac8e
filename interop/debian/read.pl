# XML::Feed as a program.
#
#     perl read.pl FORMAT URL FILE ...

use strict;
use warnings;
use JSON;
use XML::Atom;
use XML::Feed;

my $json = JSON->new->utf8->canonical;
# As their manuals say: all enclosures, and characters instead of octets.
$XML::Feed::MULTIPLE_ENCLOSURES = 1;
$XML::Atom::ForceUnicode = 1;
print $json->encode({ version => "$XML::Feed::VERSION" }), "\n";
while (my ($format, $url, $file) = splice @ARGV, 0, 3) {
    my $feed = eval { XML::Feed->parse($file) };
    if (!$feed) {
        print $json->encode({ feed => $url, error => $@ || XML::Feed->errstr }), "\n";
        next;
    }
    for my $entry ($feed->entries) {
        my @enclosures = $entry->enclosure;
        print $json->encode({ feed => $url, entry => {
            title => $entry->title,
            id => $entry->id,
            link => $entry->link,
            published => instant($entry->issued),
            updated => instant($entry->modified),
            author => $entry->author,
            categories => [$entry->category],
            content => $entry->content->body,
            enclosure => [map { [$_->url, $_->type, defined $_->length ? 0 + $_->length : undef] }
                          grep { defined } @enclosures],
        } }), "\n";
    }
}

sub instant {
    my ($when) = @_;
    return undef unless $when;
    return $when->clone->set_time_zone("UTC")->iso8601 . "Z";
}
