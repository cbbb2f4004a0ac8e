// One reader from npm as a program.
//
//     node read.mjs NAME FORMAT URL FILE ...
//
// Prints a line with its version, then one for each entry of each feed, or one with the error.
// The parts that a reader has no word for are left out; a part that it has a word for, but
// found nothing, is null.

import { readFileSync } from "node:fs";
import { Readable } from "node:stream";

const list = (value) => (value === undefined || value === null ? [] : [value].flat());
const number = (text) => (/^[0-9]+$/.test(String(text)) ? Number(text) : null);
const enclosure = (one, address) => [one[address] ?? null, one.type ?? null, number(one.length)];
const links = (found, relation) => list(found).filter((link) => link.rel === relation);
const names = (people) =>
  list(people)
    .map((one) => one.name)
    .join(", ") || null;

// A JSON Feed's item, from those that give its members as they stand.
const ofJson = (item) => ({
  title: item.title ?? null,
  id: item.id ?? null,
  link: item.url ?? null,
  published: item.date_published ?? null,
  updated: item.date_modified ?? null,
  author: names(item.authors),
  categories: list(item.tags),
  content: item.content_html ?? null,
  enclosure: list(item.attachments).map((one) => [
    one.url,
    one.mime_type ?? null,
    number(one.size_in_bytes),
  ]),
});

const READERS = {
  // It makes one date of both, and keeps an enclosure in RSS alone.
  "rss-parser": async (text, format) => {
    const { default: Parser } = await import("rss-parser");
    const found = await new Parser().parseString(text);
    return found.items.map((item) => ({
      title: item.title ?? null,
      id: item.guid ?? item.id ?? null,
      link: item.link ?? null,
      published: item.isoDate ?? null,
      author: item.creator ?? item.author ?? null,
      content: item["content:encoded"] ?? item.content ?? null,
      ...(format === "rss"
        ? {
            categories: list(item.categories),
            enclosure: list(item.enclosure).map((one) => enclosure(one, "url")),
          }
        : {}),
    }));
  },

  feedparser: async (text, _format, url) => {
    const { default: FeedParser } = await import("feedparser");
    const parser = new FeedParser({ feedurl: url });
    const items = [];
    for await (const item of Readable.from([text]).pipe(parser)) items.push(item);
    return items.map((item) => ({
      title: item.title,
      id: item.guid,
      link: item.link,
      published: item.pubdate,
      updated: item.date,
      author: item.author,
      categories: item.categories,
      content: item.description,
      enclosure: item.enclosures.map((one) => enclosure(one, "url")),
    }));
  },

  feedsmith: async (text, format) => {
    const { parseFeed } = await import("feedsmith");
    const { feed } = parseFeed(text);
    if (format === "json") return feed.items.map(ofJson);
    if (format === "rss")
      return feed.items.map((item) => ({
        title: item.title ?? null,
        id: item.guid?.value ?? null,
        link: item.link ?? null,
        published: item.pubDate ?? null,
        updated: item.atom?.updated ?? null,
        author: list(item.dc?.creators).join(", ") || null,
        categories: list(item.categories).map((one) => one.name),
        content: item.content?.encoded ?? null,
        enclosure: list(item.enclosures).map((one) => enclosure(one, "url")),
      }));
    return feed.entries.map((entry) => ({
      title: entry.title?.value ?? null,
      id: entry.id ?? null,
      link: links(entry.links, "alternate")[0]?.href ?? null,
      published: entry.published ?? null,
      updated: entry.updated ?? null,
      author: names(entry.authors),
      categories: list(entry.categories).map((one) => one.label ?? one.term),
      content: entry.content?.value ?? null,
      enclosure: links(entry.links, "enclosure").map((one) => enclosure(one, "href")),
    }));
  },

  "@rowanmanning/feed-parser": async (text) => {
    const { parseFeed } = await import("@rowanmanning/feed-parser");
    return parseFeed(text).items.map((item) => ({
      title: item.title,
      id: item.id,
      link: item.url,
      published: item.published,
      updated: item.updated,
      author: names(item.authors),
      categories: item.categories.map((one) => one.label ?? one.term),
      content: item.content,
      enclosure: item.media.map((one) => [one.url, one.mimeType, one.length]),
    }));
  },

  // A digest for lists: of the content it makes a short plain text, see readers.toml.
  "@extractus/feed-extractor": async (text, format) => {
    const { extractFromJson, extractFromXml } = await import("@extractus/feed-extractor");
    const found = format === "json" ? extractFromJson(JSON.parse(text)) : extractFromXml(text);
    return found.entries.map((entry) => ({
      title: entry.title,
      id: entry.id,
      link: entry.link,
      published: entry.published,
    }));
  },

  // It gives elements as they stand, by their names in small letters.
  feedme: async (text, format) => {
    const { default: FeedMe } = await import("feedme");
    const parser = new FeedMe(true);
    parser.end(text);
    const { items } = parser.done();
    if (format === "json") return items.map(ofJson);
    if (format === "rss")
      return items.map((item) => ({
        title: item.title ?? null,
        id: item.guid?.text ?? item.guid ?? null,
        link: item.link ?? null,
        published: item.pubdate ?? null,
        updated: item["atom:updated"] ?? null,
        author: item["dc:creator"] ?? null,
        categories: list(item.category),
        content: item["content:encoded"] ?? null,
        enclosure: list(item.enclosure).map((one) => enclosure(one, "url")),
      }));
    return items.map((entry) => ({
      title: entry.title ?? null,
      id: entry.id ?? null,
      link: links(entry.link, "alternate")[0]?.href ?? null,
      published: entry.published ?? null,
      updated: entry.updated ?? null,
      author: names(entry.author),
      categories: list(entry.category).map((one) => one.label ?? one.term),
      content: entry.content?.text ?? entry.content ?? null,
      enclosure: links(entry.link, "enclosure").map((one) => enclosure(one, "href")),
    }));
  },
};

const [name, ...rest] = process.argv.slice(2);
const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
console.log(JSON.stringify({ version: JSON.parse(readFileSync(manifest)).version }));
for (let at = 0; at < rest.length; at += 3) {
  const [format, url, file] = rest.slice(at, at + 3);
  try {
    for (const entry of await READERS[name](readFileSync(file, "utf8"), format, url))
      console.log(JSON.stringify({ feed: url, entry }));
  } catch (error) {
    console.log(JSON.stringify({ feed: url, error: String(error) }));
  }
}
