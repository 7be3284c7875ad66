# The cluster's certificate authority, one certificate for each component, and kubeconfig files.
certificate_authority() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$1" -config "$PKI/authority.cnf" \
    -keyout "$PKI/$1.key" -out "$PKI/$1.crt" 2>/dev/null
}
certificate() { # FILE COMMON-NAME ORGANISATION ALTERNATIVE-NAMES [AUTHORITY]
  local names=${4:+subjectAltName=$4} authority=${5:-ca}
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -CA "$PKI/$authority.crt" -CAkey "$PKI/$authority.key" \
    -config "$PKI/leaf.cnf" -subj "${3:+/O=$3}/CN=$2" ${names:+-addext "$names"} -keyout "$PKI/$1.key" -out "$PKI/$1.crt" 2>/dev/null
}
kubeconfig() { # FILE CERTIFICATE
  ( umask 077; cat > "$1" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$HOST:6443", certificate-authority-data: $(base64 -w0 < "$PKI/ca.crt")}}]
users: [{name: $2, user: {client-certificate-data: $(base64 -w0 < "$PKI/$2.crt"), client-key-data: $(base64 -w0 < "$PKI/$2.key")}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: $2}}]
current-context: $NAME
EOF
  )
}
make_certificates() {
  [ -e "$PKI/done" ] && return
  mkdir -p "$PKI"; chmod 700 "$PKI"
  local base=$'[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=x\n[dn]\n[x]\n' user
  printf '%s' "$base" $'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature\nsubjectKeyIdentifier=hash\n' > "$PKI/authority.cnf"
  printf '%s' "$base" $'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nauthorityKeyIdentifier=keyid\n' > "$PKI/leaf.cnf"
  certificate_authority ca; certificate_authority front-proxy-ca
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/sa.key"; openssl ec -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
  certificate apiserver kube-apiserver "" "IP:$HOST,IP:127.0.0.1,IP:$SERVICES.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate etcd etcd "" "IP:$HOST"
  certificate host-services host-services "" "IP:$HOST,DNS:metrics-server.kube-system.svc"   # what the scheduler, controller-manager and metrics-server serve with
  certificate apiserver-kubelet kube-apiserver-kubelet-client system:masters ""
  certificate front-proxy front-proxy-client "" "" front-proxy-ca
  certificate admin admin system:masters ""; kubeconfig "$RUN/kubeconfig" admin
  for user in controller-manager scheduler proxy; do certificate "$user" "system:kube-$user" "" ""; kubeconfig "$PKI/$user.conf" "$user"; done
  for user in coredns metrics-server; do certificate "$user" "system:$user" "" ""; kubeconfig "$PKI/$user.conf" "$user"; done
  touch "$PKI/done"
}
