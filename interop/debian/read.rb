# Ruby's own RSS::Parser, strict (it refuses a document that is not valid), as a program.
#
#     ruby read.rb FORMAT URL FILE ...

require "json"
require "rss"

def text(element)
  element&.content
end

def of_rss(item)
  enclosure = item.enclosure
  {
    title: item.title, id: item.guid&.content, link: item.link,
    published: item.pubDate&.utc&.iso8601, author: item.dc_creator,
    categories: item.categories.map(&:content), content: item.content_encoded,
    enclosure: enclosure ? [[enclosure.url, enclosure.type, enclosure.length]] : []
  }
end

def of_atom(entry)
  {
    title: text(entry.title), id: text(entry.id),
    link: entry.links.find { |link| link.rel == "alternate" }&.href,
    published: text(entry.published)&.utc&.iso8601, updated: text(entry.updated)&.utc&.iso8601,
    author: entry.authors.map { |person| text(person.name) }.join(", "),
    categories: entry.categories.map { |one| one.label || one.term },
    content: text(entry.content),
    enclosure: entry.links.select { |link| link.rel == "enclosure" }
                    .map { |link| [link.href, link.type, Integer(link.length)] }
  }
end

puts JSON.generate(version: RSS::VERSION)
ARGV.each_slice(3) do |format, url, file|
  feed = RSS::Parser.parse(File.read(file, encoding: "UTF-8"), true)
  feed.items.each do |item|
    puts JSON.generate(feed: url, entry: format == "rss" ? of_rss(item) : of_atom(item))
  end
rescue StandardError => error
  puts JSON.generate(feed: url, error: "#{error.class}: #{error.message}")
end
