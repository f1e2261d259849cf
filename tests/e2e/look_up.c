/* Looks names up as programs do, with the C library that it is linked with: a line for each name and its addresses. */

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const void *address_of(const struct sockaddr *place)
{
    if (place->sa_family == AF_INET)
        return &((const struct sockaddr_in *)place)->sin_addr;
    return &((const struct sockaddr_in6 *)place)->sin6_addr;
}

int main(int count, char **names)
{
    struct addrinfo wanted, *found, *one;
    char text[INET6_ADDRSTRLEN];
    int number, code;

    memset(&wanted, 0, sizeof wanted);
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    for (number = 1; number < count; number++) {
        code = getaddrinfo(names[number], NULL, &wanted, &found);
        printf("%s", code ? gai_strerror(code) : names[number]);
        for (one = code ? NULL : found; one; one = one->ai_next)
            printf(" %s", inet_ntop(one->ai_family, address_of(one->ai_addr), text, sizeof text));
        printf("\n");
    }
    return 0;
}
