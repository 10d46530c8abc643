// Package oracle holds Milena against Apache Kafka: the same requests, the same tools, each on the files of the other. Its tests have the build
// tag "oracle" and need a JDK and Maven.
package oracle
