# make install, make uninstall; for GNU and BSD make. Each
# directory may be set, and what is set empty is left out:
#
#	make install DESTDIR=/tmp/stage PREFIX=/usr UNITDIR=/lib/systemd/system
#	make install UNITDIR= SYSUSERSDIR= RCDIR=/etc/rc.d
#
# A configuration that is there is not touched, by neither of them.

CONFDIR	= $(SYSCONFDIR)/smtpsubmitd
PAMDIR	= $(SYSCONFDIR)/pam.d
EXAMPLESDIR = $(PREFIX)/share/examples/smtpsubmitd
UNITS	= smtpsubmitd.socket smtpsubmitd-tls.socket smtpsubmitd.service \
	smtpsubmitd@.socket smtpsubmitd@.service
HELPERS	= imapfetch auth-reply checkcertificate checkpassword-file checkpassword-pam \
	checktoken-introspect
FILL	= sed -e 's,@SBINDIR@,$(SBINDIR),g' -e 's,@LIBEXECDIR@,$(LIBEXECDIR),g' \
	-e 's,@SYSCONFDIR@,$(SYSCONFDIR),g'

# what depends on the directories, below $(BUILD)/etc and $(BUILD)/systemd
files:
	@mkdir -p $(BUILD)/etc $(BUILD)/systemd
	$(FILL) etc/smtpsubmitd.conf.in >$(BUILD)/etc/smtpsubmitd.conf
	$(FILL) openbsd/smtpsubmitd.rc.in >$(BUILD)/etc/smtpsubmitd.rc
	$(FILL) systemd/load-credentials.in >$(BUILD)/systemd/load-credentials
	for unit in smtpsubmitd.service smtpsubmitd@.service; do \
		cat systemd/$$unit.in systemd/hardening.in | $(FILL) \
		    >$(BUILD)/systemd/$$unit || exit 1; done
	cp systemd/*.socket $(BUILD)/systemd/

install: all files
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(EXAMPLESDIR) $(DESTDIR)$(CONFDIR)
	install -d -m 700 $(DESTDIR)$(CONFDIR)/credentials
	install -m 755 $(BUILD)/smtpsubmitd $(DESTDIR)$(SBINDIR)/
	for helper in $(HELPERS); do \
		install -m 755 $(BUILD)/$$helper $(DESTDIR)$(LIBEXECDIR)/ || \
		    exit 1; done
	install -m 644 man/*.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 man/*.8 $(DESTDIR)$(MANDIR)/man8/
	install -m 644 $(BUILD)/etc/smtpsubmitd.conf helpers/smtpsubmitd.pam \
	    etc/fail2ban-filter.conf etc/fail2ban-jail.conf etc/logcheck \
	    $(DESTDIR)$(EXAMPLESDIR)/
	test -e $(DESTDIR)$(CONFDIR)/smtpsubmitd.conf || \
	    install -m 644 $(BUILD)/etc/smtpsubmitd.conf $(DESTDIR)$(CONFDIR)/
	test -z "$(PAMDIR)" || test -e $(DESTDIR)$(PAMDIR)/smtpsubmitd || { \
	    install -d $(DESTDIR)$(PAMDIR) && install -m 644 \
	    helpers/smtpsubmitd.pam $(DESTDIR)$(PAMDIR)/smtpsubmitd; }
	test -z "$(UNITDIR)" || { install -d $(DESTDIR)$(UNITDIR) && \
	    cd $(BUILD)/systemd && \
	    install -m 644 $(UNITS) $(DESTDIR)$(UNITDIR)/ && \
	    install -m 755 load-credentials $(DESTDIR)$(LIBEXECDIR)/; }
	test -z "$(SYSUSERSDIR)" || { install -d $(DESTDIR)$(SYSUSERSDIR) && \
	    install -m 644 systemd/smtpsubmitd.sysusers \
	    $(DESTDIR)$(SYSUSERSDIR)/smtpsubmitd.conf; }
	test -z "$(RCDIR)" || { install -d $(DESTDIR)$(RCDIR) && \
	    install -m 755 $(BUILD)/etc/smtpsubmitd.rc \
	    $(DESTDIR)$(RCDIR)/smtpsubmitd; }

# the configuration stays
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/smtpsubmitd
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(EXAMPLESDIR)
	cd man && for page in *.5; do \
		rm -f $(DESTDIR)$(MANDIR)/man5/$$page; done
	cd man && for page in *.8; do \
		rm -f $(DESTDIR)$(MANDIR)/man8/$$page; done
	test -z "$(UNITDIR)" || for unit in $(UNITS); do \
		rm -f $(DESTDIR)$(UNITDIR)/$$unit; done
	test -z "$(SYSUSERSDIR)" || \
	    rm -f $(DESTDIR)$(SYSUSERSDIR)/smtpsubmitd.conf
	test -z "$(RCDIR)" || rm -f $(DESTDIR)$(RCDIR)/smtpsubmitd

.PHONY: files install uninstall

# $(BUILD)/deb/smtpsubmitd_*.deb, built from a copy of this tree
DEB	= $(BUILD)/deb/smtpsubmitd
deb:
	rm -rf $(BUILD)/deb
	mkdir -p $(DEB)
	tar -c --exclude=./.git --exclude=./build --exclude='./build-*' \
	    --exclude=__pycache__ . | tar -x -C $(DEB)
	cd $(DEB) && dpkg-buildpackage -us -uc
	rm -rf $(DEB)
	ls $(BUILD)/deb/*.deb

.PHONY: deb
