// KDE's Syndication as a program.
//
//     read_syndication FORMAT URL FILE ...

#include <Syndication/Syndication>

#include <QCoreApplication>
#include <QDateTime>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTextDocumentFragment>
#include <QTextStream>

static QJsonValue instant(time_t seconds)
{
    if (seconds == 0)
        return QJsonValue::Null;
    return QDateTime::fromSecsSinceEpoch(seconds, Qt::UTC).toString(Qt::ISODate);
}

// Its titles are HTML, as syndication/item.h has it.
static QString plain(const QString &html)
{
    return QTextDocumentFragment::fromHtml(html).toPlainText();
}

static QJsonObject told(const Syndication::ItemPtr &item)
{
    QStringList people;
    for (const auto &person : item->authors())
        people << person->name();
    QJsonArray categories;
    for (const auto &category : item->categories())
        categories << (category->label().isEmpty() ? category->term() : category->label());
    QJsonArray enclosures;
    for (const auto &one : item->enclosures())
        enclosures << QJsonArray{one->url(), one->type(), qint64(one->length())};
    return {
        {"title", plain(item->title())},
        {"id", item->id()},
        {"link", item->link()},
        {"published", instant(item->datePublished())},
        {"updated", instant(item->dateUpdated())},
        {"author", people.join(", ")},
        {"categories", categories},
        {"content", item->content()},
        {"enclosure", enclosures},
    };
}

int main(int count, char **arguments)
{
    QCoreApplication application(count, arguments);
    QTextStream out(stdout);
    out.setCodec("UTF-8");
    const auto print = [&out](const QJsonObject &line) {
        out << QJsonDocument(line).toJson(QJsonDocument::Compact) << '\n';
    };
    print({{"version", SYNDICATION_VERSION}});
    const QStringList rest = application.arguments().mid(1);
    for (int at = 0; at + 2 < rest.size(); at += 3) {
        const QString url = rest[at + 1];
        QFile file(rest[at + 2]);
        file.open(QIODevice::ReadOnly);
        const auto feed = Syndication::parse(Syndication::DocumentSource(file.readAll(), url));
        if (!feed) {
            print({{"feed", url}, {"error", QString::number(Syndication::parserCollection()->lastError())}});
            continue;
        }
        for (const auto &item : feed->items())
            print({{"feed", url}, {"entry", told(item)}});
    }
}
