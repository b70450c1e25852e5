# How BSD make compiles, which has no pattern rules. It builds and installs;
# the tests want GNU make.

.for o in $(DAEMON) $(IMAPFETCH) $(CHECKCERT)
.if !target($(BUILD)/$(o))
$(BUILD)/$(o): $(o:.o=.c)
	@mkdir -p $(@D)
	$(COMPILE) $(PKG_CFLAGS) -MMD -MP -c -o $@ $(o:.o=.c)
.endif
.-include "$(BUILD)/$(o:.o=.d)"
.endfor

.for o in helpers/auth-reply.o helpers/checkpassword-file.o \
    helpers/checkpassword-pam.o helpers/reply.o helpers/stand.o $(INTROSPECT)
.if !target($(BUILD)/$(o))
$(BUILD)/$(o): $(o:.o=.c)
	@mkdir -p $(@D)
	$(COMPILE) `pkg-config --cflags jansson libcurl` -MMD -MP -c -o $@ $(o:.o=.c)
.endif
.-include "$(BUILD)/$(o:.o=.d)"
.endfor
