"""The certificate of the cluster's authority, as pods and tokens carry it.

Nothing in the lab is signed with its key, which does not exist any more: it stands where a real bundle stands.
"""

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBXDCCAQOgAwIBAgIBADAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAprdWJlcm5l
dGVzMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DAprdWJlcm5ldGVzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/mWIMUDah7uv
40RtvrLBrfPp+XvT7/XY7ph+94aEX4gccHVp7C2vudNnMEVeuQtO7tGObFMwOGQa
3YqpTEqQoaNCMEAwDgYDVR0PAQH/BAQDAgKkMA8GA1UdEwEB/wQFMAMBAf8wHQYD
VR0OBBYEFJzoZP2PuO7d3WuweA7mK4lipw/QMAoGCCqGSM49BAMCA0cAMEQCIDom
q+Aw3XZkegaJ1Uqx3fZ4LfgYDrS8luKk3OlB9XQVAiBncjpzxi2tZUIb529Br0Py
2vMQzJAq744UQSmSw3LL2g==
-----END CERTIFICATE-----
"""
