// Package mixed runs one broker of Apache Kafka 3.9.2 and one of Milena as one cluster on one ZooKeeper, to see that they speak the same
// language to each other: either one is the controller, topics are led by either and followed by the other, and both are stopped, killed and
// frozen under load. Its tests have the build tag mixed (`make mixed`) and need a JDK and Maven.
package mixed
