//! All that is looked at in the pictures of a stream.

use super::field::Field;
use super::finder::FieldFinder;
use super::quality::{Glare, PictureLevels, Quality};
use super::working::WorkingPicture;
use crate::frame::Frame;

/// Looks at the frames of a stream, one after the other.
#[derive(Clone, Debug)]
pub struct PictureAnalysis {
    levels: PictureLevels,
    picture: WorkingPicture,
    glare: Glare,
    finder: FieldFinder,
    quality: Quality,
}

impl PictureAnalysis {
    /// Nothing was seen yet.
    pub fn new(levels: PictureLevels) -> Self {
        Self {
            levels,
            picture: WorkingPicture::default(),
            glare: Glare::default(),
            finder: FieldFinder::new(levels.black_luma),
            quality: Quality::default(),
        }
    }

    /// Looks at a frame with its time; says whether the field became another one.
    pub fn look(&mut self, frame: &Frame<'_>, pts_ns: u64) -> bool {
        self.picture.take(frame);
        let is_another = self.finder.push(&self.picture, pts_ns);
        self.glare.find(&self.picture, &self.levels);
        self.quality = Quality::of(&self.picture, self.finder.field(), &self.glare, &self.levels);
        is_another
    }

    /// Goes on without a picture, of which only the size is known: the whole of it is the field.
    pub fn look_away(&mut self, width: usize, height: usize) {
        self.picture.blank(width, height);
        self.glare.find(&self.picture, &self.levels);
        self.finder.whole(self.picture.width(), self.picture.height());
        let visible_px = self.finder.field().area_px();
        self.quality = Quality { visible_px, ..Quality::default() };
    }

    /// Forgets every frame before.
    pub fn reset(&mut self) {
        self.finder.reset();
    }

    /// The picture as it was looked at.
    pub fn picture(&self) -> &WorkingPicture {
        &self.picture
    }

    /// Where there is glare in it.
    pub fn glare(&self) -> &Glare {
        &self.glare
    }

    /// The visible field.
    pub fn field(&self) -> &Field {
        self.finder.field()
    }

    /// What the last picture is like.
    pub fn quality(&self) -> &Quality {
        &self.quality
    }
}
