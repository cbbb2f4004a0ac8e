;;; read.el --- elfeed as a program  -*- lexical-binding: t -*-

;;; Commentary:

;;     emacs -Q --batch -l read.el FORMAT URL FILE ...

;;; Code:

(require 'json)
;; Where Debian has it, whatever it is compiled for.
(let ((root "/usr/share/emacs/site-lisp/elpa-src/"))
  (push (car (file-expand-wildcards (concat root "elfeed-[0-9]*"))) load-path))
(require 'elfeed)

(defun read--instant (seconds)
  "SECONDS since the epoch as an RFC 3339 text."
  (format-time-string "%FT%TZ" seconds t))

(defun read--told (entry)
  "What elfeed keeps of ENTRY."
  (let ((content (elfeed-entry-content entry))
        (authors (elfeed-meta entry :authors)))
    `((title . ,(elfeed-entry-title entry))
      (id . ,(cdr (elfeed-entry-id entry)))
      (link . ,(elfeed-entry-link entry))
      (published . ,(read--instant (elfeed-entry-date entry)))
      (author . ,(mapconcat (lambda (one) (plist-get one :name)) authors ", "))
      (categories . ,(vconcat (elfeed-meta entry :categories)))
      (content . ,content)
      (enclosure . ,(vconcat
                     (mapcar (lambda (one)
                               (vector (nth 0 one) (nth 1 one)
                                       (and (nth 2 one) (string-to-number (nth 2 one)))))
                             (elfeed-entry-enclosures entry)))))))

(defun read--print (line)
  "Print LINE as JSON."
  (princ (json-encode line))
  (princ "\n"))

(set-language-environment "UTF-8")
(setq elfeed-db-directory (make-temp-file "elfeed" t))
(read--print `((version . ,elfeed-version)))
(while command-line-args-left
  (let* ((format (pop command-line-args-left))
         (url (pop command-line-args-left))
         (xml (with-temp-buffer
                (insert-file-contents (pop command-line-args-left))
                (elfeed-xml-parse-region (point-min) (point-max)))))
    (dolist (entry (if (equal format "atom")
                       (elfeed-entries-from-atom url xml)
                     (elfeed-entries-from-rss url xml)))
      (read--print `((feed . ,url) (entry . ,(read--told entry)))))))
(delete-directory elfeed-db-directory t)

;;; read.el ends here
