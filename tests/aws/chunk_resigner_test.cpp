#include "nikawa/aws/chunk_resigner.hpp"

#include "aws/aws_fixture.hpp"

namespace nikawa::aws {
namespace {

// The examples of the S3 API reference: 66560 octets "a" in chunks of 64 KiB, the head that begins
// them, the signatures. botocore makes the same of the heads.
struct Example {
    std::string head_signature;
    std::vector<std::string> signatures;
    std::string trailer_signature;

    [[nodiscard]] std::string body() const {
        std::string text;
        const auto chunk = [&](std::string_view size, std::size_t bytes, std::size_t index) {
            text.append(size).append(";chunk-signature=").append(signatures[index]).append("\r\n");
            text.append(bytes, 'a');
            if (bytes != 0 || trailer_signature.empty()) text.append("\r\n");
        };
        chunk("10000", 65536, 0);
        chunk("400", 1024, 1);
        chunk("0", 0, 2);
        if (!trailer_signature.empty()) {
            text.append("x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:");
            text.append(trailer_signature).append("\r\n\r\n");
        }
        return text;
    }

    [[nodiscard]] http::RequestHead head(std::string_view host) const {
        auto out = head_of("PUT",
                           "/examplebucket/chunkObject.txt",
                           {{"Host", std::string{host}},
                            {"x-amz-date", "20130524T000000Z"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                            {"Content-Encoding", "aws-chunked"},
                            {"x-amz-decoded-content-length", "66560"}});
        std::string list = "content-encoding;";
        if (trailer_signature.empty()) {
            out.fields.add("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
            out.fields.add("Content-Length", "66824");
            list.append("content-length;");
        } else {
            out.fields.add("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
            out.fields.add("x-amz-trailer", "x-amz-checksum-crc32c");
        }
        list.append("host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length");
        list.append(";x-amz-storage-class")
            .append(trailer_signature.empty() ? "" : ";x-amz-trailer");
        out.fields.add("Authorization",
                       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                       "aws4_request,SignedHeaders=" +
                           list + ",Signature=" + head_signature);
        return out;
    }
};

const Example plain{"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                    {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                     "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                     "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
                    ""};
const Example trailed{"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                      {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                       "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                       "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
                      "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"};

constexpr std::size_t limit = 65536;

/// A resigner of an example, and what has come out of it.
struct Pass {
    explicit Pass(const Example& of,
                  std::string made = std::string(64, '7'),
                  std::size_t max_chunk = limit)
        : signer(signer_of(of.head("s3.amazonaws.com"), s3_key, s3_time)),
          resigner(signer,
                   of.head_signature,
                   std::move(made),
                   !of.trailer_signature.empty(),
                   max_chunk) {}

    std::optional<Refusal> feed(std::string_view input) {
        const auto fed = resigner.feed(input, out);
        return fed ? std::nullopt : refusal_in(fed.error());
    }

    std::optional<Refusal> finish() {
        const auto done = resigner.finish();
        return done ? std::nullopt : refusal_in(done.error());
    }

    Signer signer;
    ChunkResigner resigner;
    std::string out;
};

TEST(ChunkResigner, PassesThePublishedExamplesByWhichItsInputAndOutputAreOne) {
    for (const Example* example : {&plain, &trailed}) {
        Pass pass{*example, example->head_signature};
        ASSERT_EQ(pass.feed(example->body()), std::nullopt);
        EXPECT_EQ(pass.finish(), std::nullopt);
        EXPECT_EQ(pass.out, example->body());
    }
    EXPECT_EQ(plain.body().size(), 66824U);  // as the reference says
}

// With another signature of the head the chain of all that follow is another one; and that chain is
// right in turn for whoever got that head.
TEST(ChunkResigner, MakesTheChainOfSignaturesAnew) {
    for (const Example* example : {&plain, &trailed}) {
        Pass there{*example};
        ASSERT_EQ(there.feed(example->body()), std::nullopt);
        ASSERT_EQ(there.out.size(), example->body().size());
        for (const std::string& signature : example->signatures) {
            EXPECT_EQ(there.out.find(signature), there.out.npos);
        }
        EXPECT_EQ(there.out.substr(88, 65536), std::string(65536, 'a'));

        ChunkResigner back{there.signer,
                           std::string(64, '7'),
                           example->head_signature,
                           !example->trailer_signature.empty(),
                           limit};
        std::string out;
        ASSERT_TRUE(back.feed(there.out, out));
        EXPECT_TRUE(back.finish());
        EXPECT_EQ(out, example->body());
    }
}

TEST(ChunkResigner, DoesNotDependOnHowItsInputIsSplit) {
    for (const Example* example : {&plain, &trailed}) {
        const auto body = example->body();
        Pass whole{*example};
        ASSERT_EQ(whole.feed(body), std::nullopt);
        for (const std::size_t piece : {1U, 2U, 3U, 86U, 87U, 88U, 89U, 1000U, 65536U, 65625U}) {
            SCOPED_TRACE(piece);
            Pass split{*example};
            for (std::size_t at = 0; at < body.size(); at += piece) {
                ASSERT_EQ(split.feed(std::string_view{body}.substr(at, piece)), std::nullopt);
            }
            EXPECT_EQ(split.finish(), std::nullopt);
            EXPECT_EQ(split.out, whole.out);
        }
    }
}

TEST(ChunkResigner, HoldsAChunkUntilItsSignatureIsKnownToBeRight) {
    const auto body = plain.body();
    Pass pass{plain};
    ASSERT_EQ(pass.feed(std::string_view{body}.substr(0, 88 + 65535)), std::nullopt);
    EXPECT_EQ(pass.out, "");
    EXPECT_GE(pass.resigner.held_bytes(), 88U + 65535U);
    ASSERT_EQ(pass.feed("a"), std::nullopt);
    EXPECT_EQ(pass.out.size(), 88U + 65536U);
}

TEST(ChunkResigner, GetsNoMemoryForWhatIsOnlyAnnounced) {
    Pass pass{plain, std::string(64, '7'), 1UL << 30};
    ASSERT_EQ(pass.feed("3fffffff;chunk-signature=" + plain.signatures[0] + "\r\nabc"),
              std::nullopt);
    EXPECT_LT(pass.resigner.held_bytes(), 256U * 1024);
}

TEST(ChunkResigner, GivesTheMemoryOfALargeChunkBack) {
    const std::string data(1 << 20, 'b');
    const auto signer = signer_of(plain.head("s3.amazonaws.com"), s3_key, s3_time);
    const auto signature = signer.sign_chunk(plain.head_signature, sha256_hex(data));
    ChunkResigner resigner{signer, plain.head_signature, std::string(64, '7'), false, data.size()};
    std::string out{"before"};
    ASSERT_TRUE(resigner.feed("100000;chunk-signature=" + signature + "\r\n" + data, out));
    EXPECT_EQ(out.size(), 6 + 89 + data.size());
    EXPECT_LT(resigner.held_bytes(), 256U * 1024);
}

TEST(ChunkResigner, RefusesAChunkThatIsLargerThanItMayHold) {
    Pass pass{plain, std::string(64, '7'), limit - 1};
    EXPECT_EQ(pass.feed(std::string_view{plain.body()}.substr(0, 88)), Refusal::chunk_too_large);
    EXPECT_EQ(pass.out, "");
}

TEST(ChunkResigner, LetsNothingOutOfAChunkWhoseSignatureIsWrong) {
    const auto body = plain.body();
    struct Row {
        std::string_view what;
        std::size_t at;            // where an octet is another
        std::size_t passed_bytes;  // of the chunks before it
    };
    const Row rows[] = {
        {"first signature", 30, 0},
        {"first data", 88, 0},
        {"last of the first data", 88 + 65535, 0},
        {"second signature", 65626 + 40, 65626},
        {"second data", 65626 + 500, 65626},
        {"last signature", body.size() - 10, 65626 + 1112 - 1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        auto changed = body;
        changed[row.at] = changed[row.at] == '0' ? '1' : '0';
        Pass pass{plain};
        EXPECT_EQ(pass.feed(changed), Refusal::wrong_chunk);
        EXPECT_LE(pass.out.size(), row.passed_bytes + 2);
        EXPECT_EQ(pass.feed("0"), Refusal::wrong_chunk);  // and so it remains
        EXPECT_EQ(pass.finish(), Refusal::wrong_chunk);
        EXPECT_EQ(pass.resigner.held_bytes(), std::string{}.capacity());
    }
}

TEST(ChunkResigner, RefusesChunksThatAreLeftOutOrChangePlaces) {
    const auto body = plain.body();
    Pass without_first{plain};
    EXPECT_EQ(without_first.feed(std::string_view{body}.substr(65626)), Refusal::wrong_chunk);
    Pass without_second{plain};
    EXPECT_EQ(without_second.feed(body.substr(0, 65626) + body.substr(65626 + 1112)),
              Refusal::wrong_chunk);
}

TEST(ChunkResigner, RefusesABodyThatIsNotFramedAsItSays) {
    const std::string signature = plain.signatures[0];
    const std::string rows[] = {
        "hello",
        "hello\r\n",
        "\r\n",
        ";chunk-signature=" + signature + "\r\n",
        "-1;chunk-signature=" + signature + "\r\n",
        "0x10;chunk-signature=" + signature + "\r\n",
        "10000 ;chunk-signature=" + signature + "\r\n",
        "10000;chunk-signature=" + signature + "\n",
        "10000;chunk-signature=" + signature.substr(1) + "\r\n",
        "10000;chunk-signature=0" + signature + "\r\n",
        "10000;chunk-signature=" + signature + ";a=b\r\n",
        "10000;Chunk-Signature=" + signature + "\r\n",
        "10000\r\n",
        "00000000000010000;chunk-signature=" + signature + "\r\n",
        "fffffffffffffffff;chunk-signature=" + signature + "\r\n",
        std::string(200, '0'),
        plain.body() + "0",
        plain.body() + plain.body(),
    };
    for (const std::string& row : rows) {
        SCOPED_TRACE(row.substr(0, 100));
        Pass pass{plain};
        auto refused = pass.feed(row);
        if (!refused) refused = pass.finish();
        EXPECT_EQ(refused, Refusal::malformed_chunk);
    }
    auto longer = plain.body();
    longer.insert(88 + 65536, "b");  // where the line should end
    Pass pass{plain};
    EXPECT_EQ(pass.feed(longer), Refusal::malformed_chunk);
}

TEST(ChunkResigner, RefusesABodyThatIsCutShort) {
    const auto body = plain.body();
    for (const std::size_t size : {std::size_t{0},
                                   std::size_t{50},
                                   std::size_t{100},
                                   std::size_t{65626},
                                   body.size() - 86,
                                   body.size() - 2,
                                   body.size() - 1}) {
        SCOPED_TRACE(size);
        Pass pass{plain};
        EXPECT_EQ(pass.feed(std::string_view{body}.substr(0, size)), std::nullopt);
        EXPECT_EQ(pass.finish(), Refusal::malformed_chunk);
    }
}

TEST(ChunkResigner, TakesTheTrailerAsClientsWriteIt) {
    const auto body = trailed.body();
    const auto at = body.find("x-amz-checksum");
    const std::string before = body.substr(0, at);
    const std::string last = "x-amz-trailer-signature:" + trailed.trailer_signature + "\r\n\r\n";
    const std::string trailers[] = {
        "x-amz-checksum-crc32c:sOO8/Q==\n\r\n" + last,  // minio-go
        "\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n" + last,
        "X-Amz-Checksum-Crc32c: sOO8/Q==\r\n" + last,
    };
    for (const std::string& trailer : trailers) {
        SCOPED_TRACE(trailer);
        Pass pass{trailed, trailed.head_signature};
        EXPECT_EQ(pass.feed(before + trailer), std::nullopt);
        EXPECT_EQ(pass.finish(), std::nullopt);
        EXPECT_EQ(pass.out, before + trailer);
    }
}

TEST(ChunkResigner, RefusesATrailerThatIsNotTheOneThatWasSigned) {
    const auto body = trailed.body();
    const auto at = body.find("x-amz-checksum");
    const std::string signature =
        "x-amz-trailer-signature:" + trailed.trailer_signature + "\r\n\r\n";
    const struct {
        std::string trailer;
        Refusal refusal;
    } rows[] = {
        {"x-amz-checksum-crc32c:sOO8/R==\r\n" + signature, Refusal::wrong_chunk},
        {"x-amz-checksum-crc32:sOO8/Q==\r\n" + signature, Refusal::wrong_chunk},
        {signature, Refusal::wrong_chunk},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\na:b\r\n" + signature, Refusal::wrong_chunk},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\r\n\r\n",
         Refusal::malformed_chunk},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", Refusal::malformed_chunk},
        {"x-amz-checksum-crc32c:sOO8/Q==\r\n" + signature + "more", Refusal::malformed_chunk},
        {"x-amz-checksum-crc32c:" + std::string(9000, 'a'), Refusal::malformed_chunk},
        {"\r\n", Refusal::malformed_chunk},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.trailer.substr(0, 80));
        Pass pass{trailed};
        auto refused = pass.feed(body.substr(0, at) + row.trailer);
        if (!refused) refused = pass.finish();
        EXPECT_EQ(refused, row.refusal);
        EXPECT_EQ(pass.out.find("x-amz-checksum-crc32c:sOO8/R"), pass.out.npos);
    }
}

}  // namespace
}  // namespace nikawa::aws
